// Names the fields that select2 puts in place of a select after its label, for screen readers.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const nameAll = () => {
        for (const select of document.querySelectorAll("select.admin-autocomplete")) {
            const label = select.labels[0];
            const picker = select.nextElementSibling?.querySelector(".select2-selection");
            if (!label || !picker) continue;
            label.id ||= `${select.id}-label`;
            for (const field of [picker, ...picker.querySelectorAll("[role=searchbox], [role=textbox]")]) {
                const names = field.getAttribute("aria-labelledby") ?? "";
                if (!names.includes(label.id)) field.setAttribute("aria-labelledby", `${label.id} ${names}`.trim());
            }
        }
    };
    nameAll();
    new MutationObserver(nameAll).observe(document.body, { childList: true, subtree: true }); // select2 comes later
});
