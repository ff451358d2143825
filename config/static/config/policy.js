// Makes Unfold comply with the Content-Security-Policy, which forbids inline styles (config/web/csp.py).
"use strict";

// htmx would add a style element for its loading indicator, which no page uses.
htmx.config.includeIndicatorStyles = false;

// Alpine sets a style given as a string as an attribute, which the policy forbids, and one given as an object through
// the DOM, which is allowed. Unfold gives the width of its action bar as a string.
document.addEventListener("alpine:init", () => {
    for (const element of document.querySelectorAll("#changelist-actions")) {
        element.setAttribute("x-bind:style", "{width: changeListWidth + 'px'}");
    }
});
