// Keeps what was typed into a form while a sign-in interrupts its submission, and fills the form again afterwards.
//
// The submitted values are in sessionStorage, for this tab only, until the server answers. If the answer is a page of the
// Back Office, they are removed. If it is the login page or an error page, they are kept until the form's page is loaded
// again. Passwords, codes and files are never kept; signing out removes everything.
"use strict";

(() => {
  const KEY = "kept-form";
  const HERE = location.pathname + location.search;
  const SECRET = ["password", "file"];
  const BUTTONS = ["submit", "button", "reset", "image"];

  const read = () => {
    try {
      return JSON.parse(sessionStorage.getItem(KEY));
    } catch {
      return null; // storage is disabled
    }
  };
  const write = (kept) => {
    try {
      if (kept) sessionStorage.setItem(KEY, JSON.stringify(kept));
      else sessionStorage.removeItem(KEY);
    } catch {
      /* Storage is full or disabled. */
    }
  };

  const isKept = (control) =>
    control.name &&
    control.name !== "csrfmiddlewaretoken" &&
    !SECRET.includes(control.type) &&
    !BUTTONS.includes(control.type) &&
    !["one-time-code", "new-password", "current-password"].includes(control.autocomplete);
  const isVisible = (control) => isKept(control) && control.type !== "hidden";
  const isChoice = (control) => control.type === "checkbox" || control.type === "radio";

  const fieldOf = (control) => {
    const field = { name: control.name, value: control.value };
    if (isChoice(control)) field.checked = control.checked;
    if (control.options) field.options = [...control.selectedOptions].map(({ value, text }) => ({ value, text }));
    return field;
  };

  /* A list's form has something to come back to only if rows are selected. */
  const isWorthKeeping = (form) =>
    form.id === "changelist-form"
      ? form.querySelector("input[type=checkbox]:checked")
      : [...form.elements].some(isVisible);

  addEventListener("submit", (event) => {
    const form = event.target;
    const method = event.submitter?.getAttribute("formmethod") || form.method;
    if (event.defaultPrevented || method !== "post" || isInterruption()) return;
    if (form.id === "logout-form") sessionStorage.clear();
    else if (isWorthKeeping(form)) {
      const fields = [...form.elements].filter(isKept).map(fieldOf);
      write({ at: HERE, form: [...document.forms].indexOf(form), fields });
    } else write(null);
  });

  const isInterruption = () => Boolean(document.querySelector("body.login, main[data-interrupted]"));

  const setOptions = (select, chosen) => {
    for (const { value, text } of chosen) {
      if (![...select.options].some((option) => option.value === value)) select.add(new Option(text, value));
    }
    for (const option of select.options) option.selected = chosen.some(({ value }) => value === option.value);
  };

  const fill = (form, fields) => {
    for (const control of [...form.elements].filter(isKept)) {
      const found = fields.findIndex(
        (field) => field.name === control.name && (!isChoice(control) || field.value === control.value),
      );
      if (found < 0) continue;
      const [field] = fields.splice(found, 1);
      if (isChoice(control)) control.checked = field.checked;
      else if (field.options) setOptions(control, field.options);
      else control.value = field.value;
      for (const name of ["input", "change"]) control.dispatchEvent(new Event(name, { bubbles: true }));
    }
  };

  const reveal = (selector) => {
    for (const template of document.querySelectorAll(selector)) template.replaceWith(template.content);
  };

  addEventListener("DOMContentLoaded", () => {
    const kept = read();
    if (!kept) return;
    if (isInterruption()) {
      write({ ...kept, interrupted: true });
      reveal("[data-kept-notice]");
    } else if (!kept.interrupted) {
      write(null);
    } else if (kept.at === HERE && document.forms[kept.form]) {
      write(null);
      fill(document.forms[kept.form], kept.fields);
      if (!document.forms[kept.form].dataset.sayRestored) reveal("[data-kept-restored]"); // the assign pages say it
    }
  });
})();
