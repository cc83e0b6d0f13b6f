// The telephone has a window of its own: a link to it brings that one forward, and does not load it anew, which would hang up.
"use strict";

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
