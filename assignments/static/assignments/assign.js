/* The assign pages. The server sends rows; the selection is held here until it is saved or undone.
   All text is set by textContent, never as markup. */
"use strict";

(() => {
  const PICKED_ROWS = 10;
  const form = document.getElementById("assign");
  const say = (key, values = {}) =>
    form.dataset["say" + key].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  const number = (value) => value.toLocaleString(document.documentElement.lang || undefined);
  const mayEdit = Boolean(form.dataset.mayEdit);
  const maySwitch = Boolean(form.dataset.maySwitch);
  /* Whether the person cannot work in the current warehouse now. */
  const isIdle = Boolean(form.dataset.isIdle);
  /* Whether the person works in a warehouse now that is not shown. */
  const worksElsewhere = Boolean(form.dataset.worksElsewhere);

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const button = (text, label, onClick) => {
    const made = element("button", "assign-button", text);
    made.type = "button";
    made.setAttribute("aria-label", label);
    made.addEventListener("click", onClick);
    return made;
  };

  /* --- The current warehouse, and the one after saving --------------------------------------------------------- */
  const current = {
    now: form.dataset.currentId 
      ? { id: Number(form.dataset.currentId), title: form.dataset.currentName, works: Boolean(form.dataset.currentWorks) }
      : null,
    next: undefined, // undefined: unchanged; null: none; else a row

    effective() {
      if (this.next !== undefined) return this.next;
      return this.now && sides.assigned.picked.has(this.now.id) ? null : this.now;
    },
    choose(row) {
      this.next = row && this.now && row.id === this.now.id ? undefined : row;
      sides.assigned.picked.delete(row ? row.id : undefined);
      refresh();
    },
    undo() {
      this.next = undefined;
      if (this.now) sides.assigned.picked.delete(this.now.id);
      refresh();
    },
    /* A row that is not selected any more, or is to be deassigned, cannot become the current warehouse. */
    forget(id) {
      if (this.next && this.next.id === id) this.next = undefined;
    },
    draw() {
      const now = form.querySelector("[data-current-now]");
      if (!now) return;
      const next = this.effective();
      const changes = (next ? next.id : null) !== (this.now ? this.now.id : null);
      const without = worksElsewhere ? "Elsewhere" : "Nowhere";
      now.textContent = this.now && !isIdle ? this.now.title : say(without);
      const warns = next && !next.works;
      form.querySelector("[data-current-warning]").textContent = warns ? say("Unavailable", { name: next.title }) : "";
      form.querySelector("[data-current-next]").textContent = next ? next.title : say("Nowhere");
      form.querySelector("[data-current-next-row]").hidden = !changes;
      if (!maySwitch) return;
      form.querySelector("[data-current-clear]").hidden = !next;
      form.querySelector("[data-current-undo]").hidden = !changes;
    },
  };

  const hereCell = (row) => {
    const cell = element("td", "assign-here");
    const here = current.now && current.now.id === row.id;
    const next = current.effective();
    if (!form.querySelector("[data-current-now]")) {
      if (row.here) cell.append(element("span", "assign-badge assign-badge-here", say("Here")));
      if (row.idle) cell.append(element("span", "assign-badge", say("Idle")));
    } else if (next && next.id === row.id) {
      if (here && isIdle) cell.append(element("span", "assign-badge", say("Idle")));
      else cell.append(element("span", "assign-badge assign-badge-here", say(here ? "Here" : "Will")));
    } else {
      if (here && !isIdle) cell.append(element("span", "assign-badge", say("Here")));
      if (maySwitch && row.current) {
        const label = say("ActivateRow", { name: row.title });
        const made = button(say("Activate"), label, () => {
          current.choose(row);
          focusWithin(cell.closest("[role=tabpanel]"));
        });
        cell.append(made);
      }
    }
    return cell;
  };
  /* Keeps the keyboard focus in the panel if the focused button was removed. */
  const focusWithin = (panel) => {
    if (document.activeElement === document.body && panel) {
      panel.tabIndex = -1;
      panel.focus({ preventScroll: true });
    }
  };

  /* From when until when a row is assigned, with a link to change it; or when its assignment ended. */
  const periodOf = (row) => {
    const text = row.period || (row.assignment ? say("Unlimited") : "");
    if (!text || !row.assignment || !form.dataset.periodUrl || row.kept) return element("span", "assign-period", text);
    const link = element("a", "assign-period assign-link", text);
    const back = new URLSearchParams({ _back: location.pathname + location.search });
    const url = form.dataset.periodUrl.replace(/([/=])0(?=\/|$)/, `$1${row.assignment}`);
    link.href = url + (url.includes("?") ? "&" : "?") + back;
    link.setAttribute("aria-label", say("PeriodRow", { name: row.title, period: text }));
    return link;
  };

  const rowOf = (row, withAlso) => {
    const line = element("tr", row.works && row.current ? "" : "assign-off");
    const name = element("td", "assign-name");
    name.append(element("span", "assign-row-title", row.title), periodOf(row));
    line.append(element("td", "assign-id", row.id), name);
    if (withAlso) line.append(element("td", "assign-also", row.also));
    const status = element("td", "assign-status");
    status.append(element("span", row.works ? "assign-badge assign-badge-on" : "assign-badge assign-badge-off", row.status));
    line.append(status);
    return line;
  };

  /* --- A side: its list and its selected rows ------------------------------------------------------------------- */
  class Side {
    constructor(root) {
      this.root = root;
      this.side = root.dataset.side;
      this.picked = new Map(); // id → row, in the order of selection
      this.unpicked = new Set(); // ids unselected since "Select all" was requested: its late response must not select them
      this.shown = { rows: [], page: 1, pages: 1, total: 0, more: false };
      this.query = { search: "", sort: "id", page: 1 };
      this.pickedPage = 1;
      this.requests = 0;
      this.list = root.querySelector("[data-list]");
      this.pickedPanel = root.querySelector("[data-picked]");
      this.withAlso = Boolean(root.querySelector("th.assign-also"));
      this.listen();
      tabs(root.querySelector("[role=tablist]"));
    }

    find(selector, within = this.list) {
      return within.querySelector(selector);
    }

    listen() {
      let waiting;
      const search = this.find("[data-search]");
      search.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(() => this.load({ search: search.value.trim(), page: 1 }), 250);
      });
      search.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault(); // searches instead of submitting the form
        clearTimeout(waiting);
        this.load({ search: search.value.trim(), page: 1 });
      });
      this.find("[data-previous]").addEventListener("click", () => this.load({ page: this.shown.page - 1 }));
      this.find("[data-next]").addEventListener("click", () => this.load({ page: this.shown.page + 1 }));
      for (const head of this.list.querySelectorAll("[data-sort]")) {
        head.addEventListener("click", () => {
          const name = head.dataset.sort;
          this.load({ sort: this.query.sort === name ? "-" + name : name, page: 1 });
        });
      }
      if (!mayEdit) return;
      this.find("[data-select-page]").addEventListener("click", () => this.select(this.shown.rows));
      this.find("[data-select-all]").addEventListener("click", () => this.selectAll());
      const picked = this.pickedPanel;
      this.find("[data-clear]", picked).addEventListener("click", () => {
        for (const row of this.picked.values()) this.drop(row);
        refresh();
        this.find(".assign-subheading", picked).focus();
      });
      this.find("[data-previous]", picked).addEventListener("click", () => this.turnPicked(-1));
      this.find("[data-next]", picked).addEventListener("click", () => this.turnPicked(1));
    }

    address(also) {
      return form.dataset.rowsUrl + "?" + new URLSearchParams({ side: this.side, ...this.query, ...also });
    }

    /* Loads rows from the server. The response to an outdated request is dropped. */
    async load(change = {}) {
      Object.assign(this.query, change);
      const request = ++this.requests;
      try {
        const answer = await getJson(this.address());
        if (request !== this.requests) return;
        this.shown = answer;
        this.draw();
      } catch (failure) {
        if (request === this.requests) reportFailure(failure);
      }
    }

    async selectAll() {
      this.unpicked.clear();
      try {
        const { rows } = await getJson(this.address({ all: 1 }));
        this.select(rows.filter((row) => !this.unpicked.has(row.id)));
      } catch (failure) {
        reportFailure(failure);
      }
    }

    select(rows) {
      for (const row of rows) if (!row.kept) this.pick(row);
      refresh();
    }

    pick(row) {
      this.picked.set(row.id, row);
      if (this.side === "assigned") current.forget(row.id);
    }

    drop(row) {
      this.picked.delete(row.id);
      this.unpicked.add(row.id);
      if (this.side === "available") current.forget(row.id);
    }

    turnPicked(by) {
      this.pickedPage += by;
      this.drawPicked();
    }

    draw() {
      const { rows, page, pages, total, more, similar } = this.shown;
      this.find("tbody").replaceChildren(...rows.map((row) => this.listRow(row)));
      const note = this.find("[data-similar]");
      note.hidden = !similar;
      note.textContent = similar ? say("Similar", { text: this.query.search }) : "";
      this.find("table").hidden = rows.length === 0;
      const empty = this.find("[data-empty]");
      empty.hidden = rows.length > 0;
      empty.textContent = rows.length ? "" : say("None");
      this.find("[data-place]").textContent = say("Page", { page: number(page), pages: number(pages) });
      this.find("[data-found]").textContent = more ? say("Many", { n: number(total) }) : say("Found", { n: number(total) });
      switchOff(this.find("[data-previous]"), page <= 1);
      switchOff(this.find("[data-next]"), page >= pages);
      const [name, down] = [this.query.sort.replace("-", ""), this.query.sort.startsWith("-")];
      for (const head of this.list.querySelectorAll("[data-sort]")) {
        const sorted = head.dataset.sort === name;
        if (sorted) head.parentElement.setAttribute("aria-sort", down ? "descending" : "ascending");
        else head.parentElement.removeAttribute("aria-sort");
      }
      if (!mayEdit) return;
      switchOff(this.find("[data-select-page]"), rows.length === 0);
      const all = this.find("[data-select-all]");
      all.hidden = more || pages < 2;
      all.textContent = say(this.side === "available" ? "SelectAll" : "DeselectAll", { n: number(total) });
    }

    listRow(row) {
      const line = rowOf(row, this.withAlso);
      if (this.find("th.assign-here")) line.append(hereCell(row));
      if (!mayEdit) return line;
      const cell = element("td", "assign-tick");
      if (row.kept) {
        cell.textContent = say("Kept");
      } else {
        const box = element("input", "js-warehouse-checkbox");
        box.type = "checkbox";
        box.checked = (this.side === "assigned") !== this.picked.has(row.id);
        box.setAttribute("aria-label", say("SelectRow", { name: row.title }));
        box.addEventListener("change", () => {
          if (this.picked.has(row.id)) this.drop(row);
          else this.pick(row);
          refresh(this);
          line.classList.toggle("assign-changed", this.picked.has(row.id));
        });
        cell.append(box);
      }
      line.classList.toggle("assign-changed", this.picked.has(row.id));
      line.append(cell);
      return line;
    }

    drawPicked() {
      if (!mayEdit) return;
      const panel = this.pickedPanel;
      const rows = [...this.picked.values()];
      const pages = Math.max(1, Math.ceil(rows.length / PICKED_ROWS));
      this.pickedPage = Math.min(Math.max(1, this.pickedPage), pages);
      const from = (this.pickedPage - 1) * PICKED_ROWS;
      const lines = rows.slice(from, from + PICKED_ROWS).map((row) => this.pickedRow(row));
      this.find("tbody", panel).replaceChildren(...lines);
      this.find("table", panel).hidden = rows.length === 0;
      this.find("[data-empty]", panel).textContent = rows.length ? "" : say("NoneChosen");
      this.find("[data-clear]", panel).hidden = rows.length === 0;
      this.find("nav", panel).hidden = pages < 2;
      this.find("[data-place]", panel).textContent = say("Page", { page: number(this.pickedPage), pages: number(pages) });
      switchOff(this.find("[data-previous]", panel), this.pickedPage <= 1);
      switchOff(this.find("[data-next]", panel), this.pickedPage >= pages);
      this.find("[data-count]", this.root).textContent = rows.length ? ` (${number(rows.length)})` : "";
    }

    pickedRow(row) {
      const line = rowOf(row, this.withAlso);
      if (this.find("th.assign-here", this.pickedPanel)) line.append(hereCell(row));
      const cell = element("td", "assign-tick");
      cell.append(
        button(say("Remove"), say("RemoveRow", { name: row.title }), () => {
          const next = line.nextElementSibling || line.previousElementSibling;
          const place = next ? [...line.parentElement.children].indexOf(line) : 0;
          this.drop(row);
          refresh();
          const buttons = this.pickedPanel.querySelectorAll("td.assign-tick button");
          (buttons[Math.min(place, buttons.length - 1)] || this.find(".assign-subheading", this.pickedPanel)).focus();
        }),
      );
      line.append(cell);
      return line;
    }
  }

  const switchOff = (control, off) => {
    if (off && document.activeElement === control) {
      const other = control.parentElement.querySelector("button:not(:disabled):not([hidden])");
      control.disabled = true;
      if (other && other !== control) other.focus();
    }
    control.disabled = off;
  };

  const getJson = async (address) => {
    const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (answer.redirected) throw new SignedOut(); // to the login page
    if (!answer.ok) throw new Error(String(answer.status));
    form.querySelector("[data-sign-in]")?.parentElement.remove(); // signed in again in another tab
    return answer.json();
  };

  class SignedOut extends Error {}

  const reportFailure = (failure) => {
    if (failure instanceof SignedOut) askToSignIn();
    else report(say("Failed"), true);
  };

  /* Once: with a link that leads back to this page, which shows the selection again. */
  const askToSignIn = () => {
    if (form.querySelector("[data-sign-in]")) return;
    const link = element("a", "assign-link", say("SignIn"));
    link.href = location.pathname + location.search; // leads to the login page, and from there back
    link.dataset.signIn = "";
    link.addEventListener("click", () => {
      isSaving = true; // leaves without a warning
      keep();
    });
    warn(say("SignedOut") + " ").append(link);
  };

  /* --- Tabs, after the WAI-ARIA pattern: arrows move, one tab at a time is in the tab order -------------------- */
  const tabs = (tablist) => {
    const all = [...tablist.querySelectorAll("[role=tab]")];
    const open = (tab) => {
      for (const one of all) {
        const chosen = one === tab;
        one.setAttribute("aria-selected", String(chosen));
        one.tabIndex = chosen ? 0 : -1;
        document.getElementById(one.getAttribute("aria-controls")).hidden = !chosen;
      }
      tab.focus();
    };
    const moves = { ArrowRight: 1, ArrowLeft: -1 };
    for (const tab of all) {
      tab.addEventListener("click", () => open(tab));
      tab.addEventListener("keydown", (event) => {
        let next;
        if (event.key in moves) next = all[(all.indexOf(tab) + moves[event.key] + all.length) % all.length];
        else if (event.key === "Home") next = all[0];
        else if (event.key === "End") next = all[all.length - 1];
        if (!next) return;
        event.preventDefault();
        open(next);
      });
    }
  };

  /* --- The page ------------------------------------------------------------------------------------------------- */
  const sides = {};
  let isSaving = false;

  /* Renders everything that depends on the selection, except the list whose checkbox has the focus. */
  const refresh = (except) => {
    for (const side of Object.values(sides)) {
      if (side !== except || current.now || current.next) redrawKeepingFocus(side);
      side.drawPicked();
    }
    current.draw();
    const summary = say("Summary", { a: number(sides.available.picked.size), d: number(sides.assigned.picked.size) });
    report(isUnsaved() ? summary : "", false);
  };

  const redrawKeepingFocus = (side) => {
    const boxes = () => [...side.list.querySelectorAll("tbody input")];
    const place = boxes().indexOf(document.activeElement);
    side.draw();
    if (place >= 0) boxes()[place]?.focus();
  };

  const report = (text, isError) => {
    form.querySelector("[data-status]").textContent = text;
    const summary = form.querySelector("[data-summary]");
    if (summary) summary.textContent = text;
    if (isError) warn(text);
  };

  const warn = (text) => form.querySelector("[data-conflicts]").appendChild(element("p", "", text));

  const days = ["from_day", "until_day"].map((name) => form.elements[name]).filter(Boolean);
  const isUnsaved = () =>
    sides.available.picked.size > 0 || sides.assigned.picked.size > 0 || current.next !== undefined;

  /* Polls for changes by others, warns about them and reloads the lists. */
  let seen = form.dataset.seen;
  const pollChanges = async () => {
    if (document.hidden || isSaving) return;
    try {
      const answer = await getJson(form.dataset.changesUrl + "?" + new URLSearchParams({ seen }));
      seen = answer.seen;
      answer.changes.forEach(warn);
      if (answer.changes.length) for (const side of Object.values(sides)) side.load();
    } catch (failure) {
      if (failure instanceof SignedOut) askToSignIn(); // no connection: saving will fail with a message
    }
  };

  const fill = () => {
    const ids = (side) => [...side.picked.keys()].join(",");
    form.elements.assign.value = ids(sides.available);
    form.elements.deassign.value = ids(sides.assigned);
    form.elements.current.value = current.next === undefined ? "" : current.next ? current.next.id : "none";
    form.elements.seen.value = seen;
    isSaving = true;
    keep();
  };

  /* A submitted selection stays in sessionStorage until the server confirms that it is saved: it survives an expired
     session and a refusal. */
  const KEPT = "assign:" + location.pathname;
  const keep = () => {
    try {
      const kept = { next: current.next, reason: form.elements.change_reason.value };
      kept.days = days.map((day) => day.value);
      for (const [name, side] of Object.entries(sides)) kept[name] = [...side.picked.values()];
      if (isUnsaved()) sessionStorage.setItem(KEPT, JSON.stringify(kept));
    } catch {
      /* Storage is full or disabled. */
    }
  };
  const restore = () => {
    const kept = JSON.parse(sessionStorage.getItem(KEPT));
    sessionStorage.removeItem(KEPT);
    if (location.hash === "#saved") history.replaceState(null, "", location.pathname + location.search);
    else if (kept && mayEdit) {
      for (const [name, side] of Object.entries(sides)) for (const row of kept[name]) side.picked.set(row.id, row);
      current.next = kept.next;
      form.elements.change_reason.value = kept.reason;
      days.forEach((day, n) => (day.value = kept.days?.[n] || ""));
      refresh();
      warn(say("Restored"));
    }
  };

  for (const root of form.querySelectorAll("[data-side]")) sides[root.dataset.side] = new Side(root);
  form.querySelector("[data-scripted]").hidden = false;
  const [clear, undo] = ["[data-current-clear]", "[data-current-undo]"].map((one) => form.querySelector(one));
  clear?.addEventListener("click", () => {
    current.choose(null);
    (clear.hidden ? undo : clear).focus();
  });
  undo?.addEventListener("click", () => {
    current.undo();
    (clear.hidden ? undo : clear).focus();
  });
  form.addEventListener("submit", fill);
  addEventListener("beforeunload", (event) => {
    if (!isSaving && isUnsaved()) event.preventDefault();
  });
  addEventListener("pageshow", () => (isSaving = false));
  addEventListener("focus", pollChanges);
  setInterval(pollChanges, 30000);
  for (const side of Object.values(sides)) side.load().then(() => side.drawPicked());
  current.draw();
  restore();
})();
