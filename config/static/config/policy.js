// Keeps Unfold's pages within the Content-Security-Policy, which allows no inline style (config/policy.py).
"use strict";

// htmx would write a style element for an indicator that no page has.
htmx.config.includeIndicatorStyles = false;

// Alpine writes a style given as text into the attribute, which is refused, and one given as an object through the
// DOM, which is not. Unfold's bar of bulk actions gives its width as text.
document.addEventListener("alpine:init", () => {
    for (const element of document.querySelectorAll("#changelist-actions")) {
        element.setAttribute("x-bind:style", "{width: changeListWidth + 'px'}");
    }
});
