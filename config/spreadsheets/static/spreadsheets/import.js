// Shows the progress of an import, an export or an undo, and reloads the page when it has begun or ended.
(() => {
  const box = document.querySelector("[data-progress]");
  if (!box) return;
  const isWaiting = "waiting" in box.dataset;
  const bar = box.querySelector("progress");
  const done = document.getElementById("import-done");
  const ahead = document.getElementById("import-ahead");

  function show(state) {
    if (isWaiting) {
      ahead.textContent = state.ahead;
      return;
    }
    if (state.total) {
      bar.max = state.total;
      bar.value = state.done;
    }
    if (done) done.textContent = state.total ? `${state.done} / ${state.total}` : state.done;
  }

  async function poll() {
    try {
      const response = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
      if (response.redirected) return window.location.reload(); // the session has ended: sign in, and come back here
      const state = await response.json();
      if (!state.running || isWaiting !== (state.ahead !== null)) return window.location.reload();
      show(state);
    } catch {
      // The server may be busy or restarting: try again.
    }
    window.setTimeout(poll, isWaiting ? 2000 : 600);
  }
  window.setTimeout(poll, 300);
})();
