// What runs, as it changes: the server sends the part of the page anew, already escaped; the focus stays where it was.
"use strict";
const place = document.querySelector("[data-stream]");
if (place) {
  new EventSource(place.dataset.stream).addEventListener("now", (news) => {
    const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
    place.innerHTML = news.data;
    if (focused) document.getElementById(focused)?.focus();
  });
}
// Back from a sign-in elsewhere: the form goes on by itself, and has a button for those without scripts.
document.querySelector("form[data-at-once]")?.requestSubmit();
