// The telephone has a window of its own: a link to it brings that one forward, and does not load it anew, which would hang up.
"use strict";

(() => {
  // The name by which links find the telephone. A page that comes after it in its window would be loaded over.
  function named() {
    window.name = document.getElementById("seat") ? "selfline-telephone" : "";
  }

  named();
  addEventListener("pageshow", named);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[target=selfline-telephone]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    const there = open("", link.target);
    if (there) {
      event.preventDefault();
      if (there.location.pathname !== link.pathname) {
        there.location = link.href;
      }
      there.focus();
    }
  });
})();
