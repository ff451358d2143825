// A button that proposes a password on the page of a person, and shows it, for staff to pass on.
"use strict";

{
    const LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"; // none that look alike
    const fields = ["id_password1", "id_password2"].map((id) => document.getElementById(id)).filter(Boolean);
    const propose = () => {
        const letters = [...crypto.getRandomValues(new Uint32Array(16))].map((number) => LETTERS[number % LETTERS.length]);
        return letters.join("").match(/.{4}/g).join("-"); // 92 bits
    };
    if (fields.length) {
        const button = document.createElement("button");
        Object.assign(button, { type: "button", className: "row-button", textContent: fields[0].dataset.propose });
        button.addEventListener("click", () => {
            const password = propose();
            for (const field of fields) Object.assign(field, { type: "text", value: password });
            fields[0].select();
        });
        fields[0].insertAdjacentElement("afterend", button);
    }
}
