// The agents' pages: keys, countdowns, what changes meanwhile, the claim that is held while its page is open, and the player of messages.
"use strict";

(() => {
  const HOLD_EVERY = 30000; // milliseconds
  const A_MOMENT = 500;
  const sheet = document.getElementById("ticket");
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // --- what changes meanwhile ---

  let feed = null;

  function listen() {
    feed = new EventSource("/desk/live");
    feed.onopen = () => offline(false);
    feed.onerror = () => setTimeout(() => offline(feed.readyState !== EventSource.OPEN), 4000);
    feed.onmessage = (event) => changed(JSON.parse(event.data));
  }

  function offline(away) {
    all("[data-offline]").forEach((note) => (note.hidden = !away));
  }

  function changed(references) {
    if (!sheet || references.includes("*") || references.includes(sheet.dataset.reference)) {
      look();
    }
  }

  let soon = 0;
  let pressing = false; // whether a button of the mouse or a finger is down: what is exchanged under it would lose the click

  ["pointerdown", "pointermove", "pointerup", "pointercancel"].forEach((event) =>
    document.addEventListener(event, ({ buttons }) => (pressing = buttons > 0), { capture: true, passive: true }),
  );

  function lookSoon() {
    clearTimeout(soon);
    soon = setTimeout(look, A_MOMENT);
  }

  function look() {
    const live = one("[data-live]");
    if (pressing) {
      lookSoon();
    } else if (live && !one("details[open] select", live)) {
      htmx.trigger(live, "changed"); // not while somebody chooses a colleague in it
    }
  }

  let before = sheet && { ...one("#state").dataset };
  let row = null; // the ticket that has the focus in the list

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (pressing && event.detail.target.matches("[data-live]")) {
      event.detail.shouldSwap = false;
      lookSoon();
    }
    const focused = document.activeElement.closest("[data-reference]");
    row = !sheet && focused ? focused.dataset.reference : null;
  });

  document.addEventListener("htmx:afterSwap", () => {
    tick();
    if (row) {
      one(`[data-reference="${row}"] a`)?.focus();
    }
    if (!sheet) {
      return;
    }
    const now = one("#state").dataset;
    if (now.hold !== before.hold) {
      const note = one("#note");
      if (before.hold === "mine" && note && note.value.trim()) {
        one("#lost").hidden = false;
        one("#close button").disabled = true;
      } else {
        location.replace(location.pathname);
      }
    } else if ((now.words !== before.words || now.messages !== before.messages) && !all(".player").some((player) => player.playing)) {
      htmx.trigger(one("#messages"), "changed");
    } else {
      players();
    }
    if (now.talked && !before.talked && one("#close") && !one("#close [name=outcome]:checked")) {
      one("#close [name=outcome]").checked = true;
    }
    before = { ...now };
  });

  // --- the claim ---

  let here = true; // whether somebody has touched the page since the last time

  ["keydown", "pointerdown"].forEach((event) => document.addEventListener(event, () => (here = true), { capture: true, passive: true }));

  async function hold() {
    if (one("#state").dataset.hold !== "mine") {
      return;
    }
    const headers = { "X-CSRF-Token": sheet.dataset.token };
    if (!here && one("#state").dataset.talking !== "yes") {
      headers["X-Background"] = "1"; // the page is open, and nobody may be there
    }
    here = false;
    try {
      const answer = await fetch(`/tickets/${sheet.dataset.reference}/hold`, { method: "POST", headers });
      if (answer.status === 409) {
        htmx.trigger(one("#state"), "changed");
      } else if (answer.status === 401) {
        location.reload();
      }
    } catch {
      offline(true);
    }
  }

  // --- time ---

  function span(seconds) {
    const two = (number) => String(number).padStart(2, "0");
    return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  }

  function tick() {
    all("[data-due]").forEach((time) => (time.textContent = span(Math.abs(Math.round((Date.parse(time.dataset.due) - Date.now()) / 1000)))));
  }

  // --- the player ---

  const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  let latest = null; // the player that the keys are for

  function players() {
    all(".player").forEach((home) => home.wave || player(home));
    latest = latest && latest.isConnected ? latest : one(".player");
  }

  function player(home) {
    const sound = new Audio();
    sound.preload = "none"; // it is heard, and written down as heard, when somebody plays it
    sound.src = home.dataset.audio;
    const length = Number(home.dataset.seconds);
    const style = getComputedStyle(document.documentElement);
    home.wave = WaveSurfer.create({
      container: one(".wave", home),
      media: sound,
      peaks: [JSON.parse(home.dataset.peaks)],
      duration: length,
      height: 64,
      barWidth: 3,
      barGap: 1,
      barRadius: 2,
      cursorWidth: 2,
      waveColor: style.getPropertyValue("--soft").trim(),
      progressColor: style.getPropertyValue("--accent").trim(),
      cursorColor: style.getPropertyValue("--ink").trim(),
      dragToSeek: true,
    });
    const button = one("[data-do=play]", home);
    const trouble = one("[role=alert]", home);
    const told = () => (one(".position", home).textContent = `${minutes(sound.currentTime)} / ${minutes(length)}`);
    const playing = (on) => {
      home.playing = on;
      home.dataset.state = on ? "playing" : "paused";
      button.textContent = on ? button.dataset.pause : button.dataset.play;
      button.setAttribute("aria-pressed", String(on));
      told();
    };
    sound.addEventListener("timeupdate", told);
    sound.addEventListener("seeked", told);
    sound.addEventListener("play", () => {
      all(".player").forEach((other) => other !== home && other.wave && other.wave.pause());
      playing(true);
      trouble.hidden = true;
    });
    sound.addEventListener("playing", () => (home.dataset.heard = "yes"));
    sound.addEventListener("pause", () => playing(false));
    sound.addEventListener("ended", () => {
      playing(false);
      home.dataset.state = "ended";
    });
    sound.addEventListener("error", () => {
      playing(false);
      trouble.textContent = sheet.dataset.wordNotPlayed;
      trouble.hidden = false;
    });
    home.sound = sound;
    home.addEventListener("click", () => (latest = home));
    button.addEventListener("click", () => toggle(home));
    one("[data-do=back]", home).addEventListener("click", () => skip(home, -5));
    one("[data-do=ahead]", home).addEventListener("click", () => skip(home, 5));
    all("[data-speed]", home).forEach((speed) => speed.addEventListener("click", () => hasten(home, speed)));
    told();
  }

  function toggle(home) {
    latest = home;
    home.wave.playPause().catch(() => {}); // what it could not do is told by the sound itself
  }

  function skip(home, seconds) {
    home.wave.setTime(Math.min(Math.max(home.sound.currentTime + seconds, 0), Number(home.dataset.seconds)));
  }

  function hasten(home, chosen) {
    home.wave.setPlaybackRate(Number(chosen.dataset.speed), true);
    all("[data-speed]", home).forEach((speed) => speed.setAttribute("aria-pressed", String(speed === chosen)));
  }

  // --- the end ---

  one("#close")?.addEventListener("submit", (event) => {
    const unheard = all(".player").some((home) => !home.dataset.heard);
    if (unheard && !one("#state").dataset.talked && one("#unheard").hidden) {
      event.preventDefault(); // closed all the same when it is asked for again
      one("#unheard").hidden = false;
    }
  });

  // --- keys ---

  function step(by) {
    const rows = all(".ticket a");
    const at = rows.indexOf(document.activeElement);
    rows[Math.min(Math.max(at + by, 0), rows.length - 1)]?.focus();
  }

  function pressed(event) {
    const typing = event.target.closest("input, textarea, select");
    const open = one("dialog[open]");
    if (event.key === "Escape" && typing) {
      typing.blur();
    }
    if (typing || open || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    if (event.key === "?") {
      one("#keys").showModal();
    } else if (event.key === "j" || event.key === "k") {
      step(event.key === "j" ? 1 : -1);
    } else if (latest && event.key === " " && !event.target.closest("button, summary, a")) {
      toggle(latest);
    } else if (latest && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      skip(latest, event.key === "ArrowLeft" ? -5 : 5);
    } else if (latest && "1234".includes(event.key)) {
      hasten(latest, all("[data-speed]", latest)[Number(event.key) - 1]);
    } else {
      const meant = one(`[data-key="${CSS.escape(event.key)}"]:not(:disabled)`);
      if (!meant) {
        return;
      }
      if (meant.matches("textarea")) {
        meant.focus();
      } else {
        meant.click();
        one("select", meant.parentElement)?.focus();
      }
    }
    event.preventDefault();
  }

  document.addEventListener("keydown", pressed);
  document.addEventListener("DOMContentLoaded", () => {
    listen();
    tick();
    setInterval(tick, 1000);
    if (sheet) {
      players();
      setInterval(hold, HOLD_EVERY);
    }
    document.documentElement.dataset.keys = "ready";
  });
  addEventListener("focus", lookSoon); // one's telephone may have come on line meanwhile
  addEventListener("pagehide", () => feed && feed.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload()); // what the browser had kept is out of date
})();
