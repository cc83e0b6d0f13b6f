// A drawing that is wider than the window begins where the call does, not in an empty corner.
"use strict";

(() => {
  const box = document.querySelector(".drawing[data-start]");
  const picture = box && box.querySelector("img");
  const begin = () => (box.scrollLeft = Number(box.dataset.start) * picture.clientWidth - box.clientWidth / 2);
  if (picture) {
    picture.addEventListener("load", begin);
    if (picture.complete) {
      begin();
    }
  }
})();
