/* The assign pages. Rows come from the server; what was picked is kept here until it is saved or taken back.
   Everything shown is set as text, never as markup. */
"use strict";

(() => {
  const PICKED_ROWS = 10;
  const form = document.getElementById("assign");
  const say = (key, values = {}) =>
    form.dataset["say" + key].replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  const number = (value) => value.toLocaleString(document.documentElement.lang || undefined);
  const mayEdit = Boolean(form.dataset.mayEdit);
  const maySwitch = Boolean(form.dataset.maySwitch);

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

  /* --- Where the person stands, and where they will ------------------------------------------------------------ */
  const standing = {
    now: form.dataset.standingId ? { id: Number(form.dataset.standingId), title: form.dataset.standingName } : null,
    next: undefined, // undefined: as it is; null: nowhere; else a row

    effective() {
      if (this.next !== undefined) return this.next;
      return this.now && pairs.assigned.picked.has(this.now.id) ? null : this.now;
    },
    choose(row) {
      this.next = row && this.now && row.id === this.now.id ? undefined : row;
      pairs.assigned.picked.delete(row ? row.id : undefined);
      refresh();
    },
    undo() {
      this.next = undefined;
      if (this.now) pairs.assigned.picked.delete(this.now.id);
      refresh();
    },
    /* A row that is not picked any more, or is to be deassigned, cannot be stood in. */
    forget(id) {
      if (this.next && this.next.id === id) this.next = undefined;
    },
    draw() {
      const now = form.querySelector("[data-standing-now]");
      if (!now) return;
      const next = this.effective();
      const changes = (next ? next.id : null) !== (this.now ? this.now.id : null);
      now.textContent = this.now ? this.now.title : say("Nowhere");
      form.querySelector("[data-standing-next]").textContent = next ? next.title : say("Nowhere");
      form.querySelector("[data-standing-next-row]").hidden = !changes;
      if (!maySwitch) return;
      form.querySelector("[data-standing-clear]").hidden = !next;
      form.querySelector("[data-standing-undo]").hidden = !changes;
    },
  };

  const hereCell = (row) => {
    const cell = element("td", "assign-here");
    const here = standing.now && standing.now.id === row.id;
    const next = standing.effective();
    if (!form.querySelector("[data-standing-now]")) {
      if (row.here) cell.append(element("span", "assign-badge assign-badge-here", say("Here")));
    } else if (next && next.id === row.id) {
      cell.append(element("span", "assign-badge assign-badge-here", say(here ? "Here" : "Will")));
    } else {
      if (here) cell.append(element("span", "assign-badge", say("Here")));
      if (maySwitch) {
        const label = say("ActivateRow", { name: row.title });
        const made = button(say("Activate"), label, () => {
          standing.choose(row);
          focusWithin(cell.closest("[role=tabpanel]"));
        });
        cell.append(made);
      }
    }
    return cell;
  };
  /* The button just used may be gone; the keyboard must not fall back to the top of the page. */
  const focusWithin = (panel) => {
    if (document.activeElement === document.body && panel) {
      panel.tabIndex = -1;
      panel.focus({ preventScroll: true });
    }
  };

  const rowOf = (row, withAlso) => {
    const line = element("tr");
    line.append(element("td", "assign-id", row.id), element("td", "assign-name", row.title));
    if (withAlso) line.append(element("td", "assign-also", row.also));
    const status = element("td", "assign-status");
    status.append(element("span", row.works ? "assign-badge assign-badge-on" : "assign-badge assign-badge-off", row.status));
    line.append(status);
    return line;
  };

  /* --- A pair of sub-tabs --------------------------------------------------------------------------------------- */
  class Pair {
    constructor(root) {
      this.root = root;
      this.side = root.dataset.pair;
      this.picked = new Map(); // id → row, in the order in which they were picked
      this.takenBack = new Set(); // ids, since all were asked for: an answer that comes later must not pick them again
      this.shown = { rows: [], page: 1, pages: 1, total: 0, more: false };
      this.question = { search: "", sort: "id", page: 1 };
      this.pickedPage = 1;
      this.asked = 0;
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
        waiting = setTimeout(() => this.ask({ search: search.value.trim(), page: 1 }), 250);
      });
      search.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault(); // it searches; it does not save
        clearTimeout(waiting);
        this.ask({ search: search.value.trim(), page: 1 });
      });
      this.find("[data-previous]").addEventListener("click", () => this.ask({ page: this.shown.page - 1 }));
      this.find("[data-next]").addEventListener("click", () => this.ask({ page: this.shown.page + 1 }));
      for (const head of this.list.querySelectorAll("[data-sort]")) {
        head.addEventListener("click", () => {
          const name = head.dataset.sort;
          this.ask({ sort: this.question.sort === name ? "-" + name : name, page: 1 });
        });
      }
      if (!mayEdit) return;
      this.find("[data-take-page]").addEventListener("click", () => this.take(this.shown.rows));
      this.find("[data-take-all]").addEventListener("click", () => this.takeAll());
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
      return form.dataset.rowsUrl + "?" + new URLSearchParams({ side: this.side, ...this.question, ...also });
    }

    /* Asks the server for rows. A slow answer to an earlier question is dropped. */
    async ask(change = {}) {
      Object.assign(this.question, change);
      const turn = ++this.asked;
      try {
        const answer = await getJson(this.address());
        if (turn !== this.asked) return;
        this.shown = answer;
        this.draw();
      } catch {
        if (turn === this.asked) tell(say("Failed"), true);
      }
    }

    async takeAll() {
      this.takenBack.clear();
      try {
        const { rows } = await getJson(this.address({ all: 1 }));
        this.take(rows.filter((row) => !this.takenBack.has(row.id)));
      } catch {
        tell(say("Failed"), true);
      }
    }

    take(rows) {
      for (const row of rows) if (!row.kept) this.pick(row);
      refresh();
    }

    pick(row) {
      this.picked.set(row.id, row);
      if (this.side === "assigned") standing.forget(row.id);
    }

    drop(row) {
      this.picked.delete(row.id);
      this.takenBack.add(row.id);
      if (this.side === "available") standing.forget(row.id);
    }

    turnPicked(by) {
      this.pickedPage += by;
      this.drawPicked();
    }

    draw() {
      const { rows, page, pages, total, more } = this.shown;
      this.find("tbody").replaceChildren(...rows.map((row) => this.listRow(row)));
      this.find("table").hidden = rows.length === 0;
      const empty = this.find("[data-empty]");
      empty.hidden = rows.length > 0;
      empty.textContent = rows.length ? "" : say("None");
      this.find("[data-place]").textContent = say("Page", { page: number(page), pages: number(pages) });
      this.find("[data-found]").textContent = more ? say("Many", { n: number(total) }) : say("Found", { n: number(total) });
      switchOff(this.find("[data-previous]"), page <= 1);
      switchOff(this.find("[data-next]"), page >= pages);
      const [name, down] = [this.question.sort.replace("-", ""), this.question.sort.startsWith("-")];
      for (const head of this.list.querySelectorAll("[data-sort]")) {
        const sorted = head.dataset.sort === name;
        if (sorted) head.parentElement.setAttribute("aria-sort", down ? "descending" : "ascending");
        else head.parentElement.removeAttribute("aria-sort");
      }
      if (!mayEdit) return;
      switchOff(this.find("[data-take-page]"), rows.length === 0);
      const all = this.find("[data-take-all]");
      all.hidden = more || pages < 2;
      all.textContent = say(this.side === "available" ? "SelectAll" : "DeselectAll", { n: number(total) });
    }

    listRow(row) {
      const line = rowOf(row, this.withAlso);
      if (this.side === "assigned") line.append(hereCell(row));
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
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    return answer.json();
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

  /* --- The whole page ------------------------------------------------------------------------------------------- */
  const pairs = {};
  let isSaving = false;

  /* Draws what follows from a selection. The list a box was ticked in stays: its box must keep the focus. */
  const refresh = (except) => {
    for (const pair of Object.values(pairs)) {
      if (pair !== except || standing.now || standing.next) redrawKeepingFocus(pair);
      pair.drawPicked();
    }
    standing.draw();
    const summary = say("Summary", { a: number(pairs.available.picked.size), d: number(pairs.assigned.picked.size) });
    tell(isUnsaved() ? summary : "", false);
  };

  const redrawKeepingFocus = (pair) => {
    const boxes = () => [...pair.list.querySelectorAll("tbody input")];
    const place = boxes().indexOf(document.activeElement);
    pair.draw();
    if (place >= 0) boxes()[place]?.focus();
  };

  const tell = (text, isTrouble) => {
    form.querySelector("[data-status]").textContent = text;
    const summary = form.querySelector("[data-summary]");
    if (summary) summary.textContent = text;
    if (isTrouble) warn(text);
  };

  const warn = (text) => form.querySelector("[data-meanwhile]").append(element("p", "", text));

  const isUnsaved = () =>
    pairs.available.picked.size > 0 || pairs.assigned.picked.size > 0 || standing.next !== undefined;

  /* What others changed meanwhile is told, and shown, while the page is open. */
  let seen = form.dataset.seen;
  const lookForChanges = async () => {
    if (document.hidden || isSaving) return;
    try {
      const answer = await getJson(form.dataset.changesUrl + "?" + new URLSearchParams({ seen }));
      seen = answer.seen;
      answer.changes.forEach(warn);
      if (answer.changes.length) for (const pair of Object.values(pairs)) pair.ask();
    } catch {
      /* Without a connection there is nothing to tell; saving will say so. */
    }
  };

  const fill = () => {
    const ids = (pair) => [...pair.picked.keys()].join(",");
    form.elements.assign.value = ids(pairs.available);
    form.elements.deassign.value = ids(pairs.assigned);
    form.elements.standing.value = standing.next === undefined ? "" : standing.next ? standing.next.id : "none";
    form.elements.seen.value = seen;
    isSaving = true;
    keep();
  };

  /* What was sent is kept in this tab until the server says that it is saved: a session that ended, or a refusal,
     must not cost anybody their selection. */
  const KEPT = "assign:" + location.pathname;
  const keep = () => {
    try {
      const kept = { next: standing.next };
      for (const [side, pair] of Object.entries(pairs)) kept[side] = [...pair.picked.values()];
      if (isUnsaved()) sessionStorage.setItem(KEPT, JSON.stringify(kept));
    } catch {
      /* Storage is full or switched off: then nothing is kept, as in any other form. */
    }
  };
  const restore = () => {
    const kept = JSON.parse(sessionStorage.getItem(KEPT));
    sessionStorage.removeItem(KEPT);
    if (location.hash === "#saved") history.replaceState(null, "", location.pathname + location.search);
    else if (kept && mayEdit) {
      for (const [side, pair] of Object.entries(pairs)) for (const row of kept[side]) pair.picked.set(row.id, row);
      standing.next = kept.next;
      refresh();
      warn(say("Restored"));
    }
  };

  for (const root of form.querySelectorAll("[data-pair]")) pairs[root.dataset.pair] = new Pair(root);
  form.querySelector("[data-scripted]").hidden = false;
  const [clear, undo] = ["[data-standing-clear]", "[data-standing-undo]"].map((one) => form.querySelector(one));
  clear?.addEventListener("click", () => {
    standing.choose(null);
    (clear.hidden ? undo : clear).focus();
  });
  undo?.addEventListener("click", () => {
    standing.undo();
    (clear.hidden ? undo : clear).focus();
  });
  form.addEventListener("submit", fill);
  addEventListener("beforeunload", (event) => {
    if (!isSaving && isUnsaved()) event.preventDefault();
  });
  addEventListener("pageshow", () => (isSaving = false));
  addEventListener("focus", lookForChanges);
  setInterval(lookForChanges, 30000);
  for (const pair of Object.values(pairs)) pair.ask().then(() => pair.drawPicked());
  standing.draw();
  restore();
})();
