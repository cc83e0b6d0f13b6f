// On a narrow screen the menu is folded behind a button. Without this script it is there in full; it runs first, so that nothing jumps.
"use strict";

document.documentElement.classList.add("folds");

addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("menu");
  const open = (on) => button && button.setAttribute("aria-expanded", String(on));
  button?.addEventListener("click", () => open(button.getAttribute("aria-expanded") === "false"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && button?.getAttribute("aria-expanded") === "true") {
      open(false);
      button.focus();
    }
  });
});
