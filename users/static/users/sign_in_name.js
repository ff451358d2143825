// Proposes a sign-in name on the form of a person without a mailbox, until one is typed. Saving proposes one as well.
"use strict";

{
    const [tick, email, first, last] = ["has_mailbox", "email", "first_name", "last_name"].map((name) =>
        document.getElementById(`id_${name}`)
    );
    let proposed = "";
    const isOurs = () => email.value === proposed;
    const propose = async () => {
        if (!isOurs()) return;
        const query = new URLSearchParams({ first_name: first.value, last_name: last.value });
        let name = "";
        if (tick.checked && first.value.trim() && last.value.trim()) {
            const answer = await fetch(`${tick.dataset.names}?${query}`).catch(() => null);
            if (answer?.ok && !answer.redirected) ({ name } = await answer.json());
        }
        if (isOurs()) email.value = proposed = name;
    };
    if (tick?.dataset.names) for (const field of [tick, first, last]) field.addEventListener("change", propose);
}
