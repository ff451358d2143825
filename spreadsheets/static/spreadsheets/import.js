// Shows how far an import is, and the result once it is there.
(() => {
  const box = document.querySelector("[data-progress]");
  if (!box) return;
  const bar = box.querySelector("progress");
  const done = document.getElementById("import-done");

  async function look() {
    try {
      const answer = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
      const state = await answer.json();
      if (!state.running) return window.location.reload();
      if (state.total) {
        bar.max = state.total;
        bar.value = state.done;
      }
      done.textContent = state.total ? `${state.done} / ${state.total}` : state.done;
    } catch {
      // The server may be busy or restarting: ask again.
    }
    window.setTimeout(look, 600);
  }
  window.setTimeout(look, 300);
})();
