// The telephone of a seat: it registers, rings, and is picked up, hung up and pressed keys on. It never picks up by itself.
"use strict";

(() => {
  const by = (id) => document.getElementById(id);
  const home = by("seat");
  const word = (key) => home.dataset["word" + key.split("_").map((part) => part[0].toUpperCase() + part.slice(1)).join("")];
  const keys = [...by("seat-keypad").querySelectorAll("button")];
  const domain = "selfline.invalid";
  const title = document.title;

  let agent = null; // JsSIP's; there while on line
  let session = null;
  let microphone = null;
  let sound = null; // the AudioContext
  let bell = null;

  function say(key) {
    by("seat-status").textContent = word(key);
    home.dataset.state = key;
    document.title = key === "ringing" ? `☎ ${word(key)} · ${title}` : title;
  }

  function note(key) {
    by("seat-note").textContent = key ? word(key) : "";
    by("seat-note").hidden = !key;
  }

  function enable(ringing, talking) {
    by("seat-answer").disabled = !ringing;
    by("seat-hang-up").disabled = !ringing && !talking;
    keys.forEach((key) => (key.disabled = !talking));
  }

  // --- on line and off ---

  async function goOnLine() {
    note("");
    by("seat-on").disabled = true;
    say("registering");
    sound = sound || new AudioContext();
    sound.resume();
    microphone = await telephoneSound.microphone(sound, () => note("no_microphone"));
    let own;
    try {
      const answer = await fetch("/desk/telephone", { method: "POST", headers: { "X-CSRF-Token": home.dataset.token } });
      own = answer.ok ? await answer.json() : null;
    } catch {
      own = undefined;
    }
    if (!own) {
      return offLine(own === null ? "refused" : "away");
    }
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new JsSIP.WebSocketInterface(`${scheme}://${location.host}/desk/sip`);
    agent = new JsSIP.UA({
      sockets: [socket],
      uri: `sip:${own.user}@${domain}`,
      password: own.password,
      register: true,
      register_expires: 120,
      session_timers: false,
    });
    agent.on("registered", () => session || say("ready"));
    agent.on("registrationFailed", () => offLine("refused"));
    agent.on("disconnected", () => agent && !session && say("away"));
    agent.on("newRTCSession", (event) => event.originator === "remote" && rung(event.session));
    agent.start();
    by("seat-on").hidden = true;
    by("seat-off").hidden = false;
  }

  function offLine(key) {
    const gone = agent;
    agent = null;
    if (gone) {
      gone.stop();
    }
    if (microphone) {
      microphone.getTracks().forEach((track) => track.stop());
    }
    say(key);
    enable(false, false);
    by("seat-on").hidden = by("seat-on").disabled = false;
    by("seat-off").hidden = true;
  }

  // --- a call ---

  function rung(incoming) {
    if (session) {
      incoming.terminate({ status_code: 486 });
      return;
    }
    session = incoming;
    by("seat-who").textContent = incoming.remote_identity.uri.user || "";
    say("ringing");
    by("seat-ticket").dispatchEvent(new Event("rung")); // htmx asks what it is about
    enable(true, false);
    bell = telephoneSound.ring(sound);
    incoming.on("peerconnection", ({ peerconnection }) => {
      peerconnection.addEventListener("track", (event) => hear(incoming, event.streams[0] || new MediaStream([event.track])));
    });
    incoming.on("confirmed", talk);
    incoming.on("ended", over);
    incoming.on("failed", over);
  }

  function answer() {
    if (session && home.dataset.state === "ringing" && !by("seat-answer").disabled) {
      by("seat-answer").disabled = true;
      quiet();
      session.answer({ mediaStream: microphone, pcConfig: { iceServers: [] } });
    }
  }

  function talk() {
    quiet();
    say("talking");
    enable(false, true);
  }

  function over() {
    quiet();
    session = null;
    by("seat-who").textContent = "";
    by("seat-ticket").replaceChildren();
    enable(false, false);
    say(agent && agent.isRegistered() ? "ready" : "away");
  }

  function hangUp() {
    if (session && !session.isEnded()) {
      session.terminate();
    }
  }

  function press(key) {
    const button = keys.find((one) => one.dataset.key === key);
    if (!session || !button || button.disabled) {
      return false;
    }
    session.sendDTMF(key, { transportType: "RFC2833", duration: 120, interToneGap: 80 });
    return true;
  }

  // --- sound ---

  function quiet() {
    if (bell) {
      bell.stop();
      bell = null;
    }
  }

  function hear(call, stream) {
    if (session === call) {
      by("seat-heard").srcObject = stream;
      telephoneSound.level(sound, stream, by("seat-level"), () => session === call);
    }
  }

  // --- the page ---

  by("seat-on").addEventListener("click", goOnLine);
  by("seat-off").addEventListener("click", () => offLine("off_line"));
  by("seat-answer").addEventListener("click", answer);
  by("seat-hang-up").addEventListener("click", hangUp);
  keys.forEach((key) => key.addEventListener("click", () => press(key.dataset.key)));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || !session || event.target.closest("input, textarea, select")) {
      return;
    }
    if (event.key === "Enter" && home.dataset.state === "ringing") {
      answer();
    } else if (event.key === "h") {
      hangUp();
    } else if (!press(event.key)) {
      return;
    }
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='/'], a[href^='?']");
    if (agent && link && !link.target && link.origin === location.origin) {
      link.target = "_blank"; // the telephone stays on line here,
      link.rel = "opener"; // and is found from there
    }
  });
  window.addEventListener("beforeunload", (event) => agent && event.preventDefault());
  offLine("off_line");
})();
