// Of the page /docs, before Swagger UI: the reader's dark mode, and its dialog for name and password.
"use strict";

if (matchMedia("(prefers-color-scheme: dark)").matches) document.documentElement.classList.add("dark-mode");

// Sends the client's id in the form and only if one was typed: an empty one in a header would be a wrong secret.
const SignInPlugin = () => ({
    statePlugins: { auth: { wrapActions: {
        authorizePassword: (original) => (form) => original({ ...form, passwordType: "request-body" }),
    } } },
});
