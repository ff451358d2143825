// Lines end after the separators of an e-mail address, not within its words.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
    const main = document.getElementById("main");
    if (!main) return;

    const address = (text) => {
        const made = document.createElement("span");
        made.className = "email";
        for (const part of text.split(/(?<=[@._+-])/)) made.append(part, document.createElement("wbr"));
        return made;
    };
    const wrap = (text) => {
        const parts = text.data.split(/([^\s<>()]+@[^\s<>()]+)/);
        if (parts.length === 1 || text.parentElement.closest(".email, script, option, textarea, title")) return;
        text.replaceWith(...parts.map((part, index) => (index % 2 ? address(part) : part)));
    };
    const wrapAll = (root) => {
        const found = [];
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        for (let node = root.nodeType === Node.TEXT_NODE ? root : walker.nextNode(); node; node = walker.nextNode()) {
            if (node.data.includes("@") && node.parentElement) found.push(node);
        }
        found.forEach(wrap);
    };

    wrapAll(main);
    new MutationObserver((changes) => {
        for (const change of changes) change.addedNodes.forEach(wrapAll);
    }).observe(main, { childList: true, subtree: true });
});
