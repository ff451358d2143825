// Copies the value of an input to the clipboard. The button is hidden without this script.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
    const input = document.getElementById(button.dataset.copy);
    const status = document.querySelector("[role=status]");
    button.hidden = false;
    input.addEventListener("focus", () => input.select());
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(input.value);
            status.textContent = button.dataset.done;
        } catch { // no permission, or no secure context (plain HTTP)
            input.select();
            status.textContent = document.execCommand("copy") ? button.dataset.done : button.dataset.failed;
        }
    });
}
