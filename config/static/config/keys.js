// Keys of the Back Office: "/" searches, "?" lists the keys. Lists handle "/" themselves (Unfold's `searchForm`).
"use strict";

document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "?") {
        const keys = document.getElementById("keys");
        if (keys && !keys.open) keys.showModal();
    } else if (event.key === "/" && !document.getElementById("searchbar")) {
        const fields = document.querySelectorAll("#main :is(input[type=search], .history-questions input)");
        const field = [...fields].find((one) => one.checkVisibility());
        const people = document.querySelector('#nav-sidebar a[href$="/users/user/"]');
        if (field) {
            event.preventDefault();
            field.focus();
        } else if (people) {
            event.preventDefault();
            location.assign(`${people.href}#searchbar`);
        }
    }
});

document.addEventListener("DOMContentLoaded", () => {
    if (location.hash === "#searchbar") document.getElementById("searchbar")?.focus();
    document.querySelector("[data-skip-to-row]")?.addEventListener("click", (event) => {
        const first = document.querySelector("#result_list tbody :is(a[href], button, input:not([type=hidden]))");
        if (!first) return;
        event.preventDefault();
        first.focus();
    });
});
