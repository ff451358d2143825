// A button that copies what an input holds. It shows only where this script runs; without it, the input can be
// selected and copied by hand.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
    const input = document.getElementById(button.dataset.copy);
    const told = document.querySelector("[role=status]");
    button.hidden = false;
    input.addEventListener("focus", () => input.select());
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(input.value);
            told.textContent = button.dataset.done;
        } catch { // not allowed, or there is no clipboard because the page came over plain http
            input.select();
            told.textContent = document.execCommand("copy") ? button.dataset.done : button.dataset.failed;
        }
    });
}
