// The telephone: asks the console for a call, places it by SIP over WebSocket, presses keys, and shows what the flow does meanwhile.
// On a line without a trunk it is called back as well, as long as its page is open.
"use strict";

(() => {
  const by = (id) => document.getElementById(id);
  const home = by("telephone");
  const language = home.dataset.language;
  const word = (key) => home.dataset["word" + key.split("_").map((part) => part[0].toUpperCase() + part.slice(1)).join("")];
  const keys = [...by("keypad").querySelectorAll("button")];
  const sip = { user: "sip:browser@selfline.invalid", domain: "selfline.invalid" };
  const title = document.title;

  let agent = null; // JsSIP's; there while a call is
  let waiting = null; // another of JsSIP's, which is rung
  let session = null;
  let feed = null;
  let microphone = null;
  let sound = null; // the AudioContext
  let bell = null;
  let began = 0;
  let ticking = 0;

  function say(key) {
    by("status").textContent = word(key);
    home.dataset.state = key;
    document.title = key === "ringing" ? `☎ ${word(key)} · ${title}` : title;
    by("answer").hidden = by("decline").hidden = key !== "ringing";
    by("call").hidden = by("hang-up").hidden = key === "ringing";
  }

  function wayToConsole() {
    return new JsSIP.WebSocketInterface(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/phone/sip`);
  }

  function note(key) {
    by("note").textContent = key ? word(key) : "";
    by("note").hidden = !key;
  }

  function enable(calling, talking) {
    by("call").disabled = calling;
    by("line").disabled = by("caller").disabled = calling;
    by("hang-up").disabled = !calling;
    by("mute").disabled = !talking;
    keys.forEach((key) => (key.disabled = !talking));
  }

  // --- a call ---

  async function call() {
    note("");
    say("starting");
    enable(true, false);
    forget();
    await listen();
    let allowed;
    try {
      const form = new URLSearchParams({ caller: by("caller").value });
      const answer = await fetch("/phone/calls", { method: "POST", body: form, headers: { "X-CSRF-Token": home.dataset.token } });
      allowed = await answer.json();
      if (!answer.ok) {
        return over(allowed.trouble === "busy" ? "busy" : "bad_form");
      }
    } catch {
      return over("no_console");
    }
    watch(allowed.trace);
    agent = new JsSIP.UA({ sockets: [wayToConsole()], uri: sip.user, register: false, session_timers: false });
    agent.on("connected", () => place(allowed.call));
    agent.on("disconnected", () => session || over("no_console"));
    agent.start();
  }

  function place(name) {
    if (session) {
      return;
    }
    say("calling");
    session = agent.call(`sip:${by("line").value}@${sip.domain}`, {
      mediaStream: microphone,
      extraHeaders: [`X-Selfline-Call: ${name}`],
      pcConfig: { iceServers: [] },
    });
    session.on("ended", () => over("ended"));
    session.on("failed", (event) => over(event.cause === JsSIP.C.causes.CANCELED ? "ended" : "unanswered"));
    follow(session, session.connection);
  }

  // Until the sound of a call goes both ways, and what is heard of it.
  function follow(own, way) {
    way.addEventListener("track", (event) => hear(own, event.streams[0] || new MediaStream([event.track])));
    let answered = false;
    const look = () => {
      if (way.connectionState === "failed") {
        note("no_media");
      }
      if (session === own && answered && way.connectionState === "connected" && home.dataset.state !== "talking") {
        talk(); // not before the sound goes both ways: a key pressed earlier would be lost
      }
    };
    way.addEventListener("connectionstatechange", look);
    own.on("accepted", () => {
      answered = true;
      look();
    });
  }

  function forget() {
    by("pressed").textContent = by("clock").textContent = "";
    by("level").dataset.peak = "0";
  }

  async function listen() {
    sound = sound || new AudioContext();
    sound.resume();
    microphone = await telephoneSound.microphone(sound, () => note(window.isSecureContext ? "no_microphone" : "insecure"));
  }

  // --- called back ---

  function waitToBeRung() {
    const number = by("caller").value;
    if (waiting) {
      waiting.stop();
      waiting = null;
    }
    if (!by("rung")) {
      return;
    }
    by("rung").textContent = "";
    if (!home.dataset.rung.split(" ").includes(number)) {
      return;
    }
    const own = (waiting = new JsSIP.UA({
      sockets: [wayToConsole()],
      uri: `sip:${number}@${sip.domain}`,
      register: true,
      register_expires: 120,
      session_timers: false,
    }));
    const tell = (key) => waiting === own && (by("rung").textContent = word(key));
    own.on("registered", () => tell("rung_here"));
    own.on("registrationFailed", () => tell("rung_away"));
    own.on("disconnected", () => tell("rung_away"));
    own.on("newRTCSession", (event) => event.originator === "remote" && rung(event.session));
    own.start();
  }

  function rung(incoming) {
    if (by("line").disabled) {
      incoming.terminate({ status_code: 486 }); // it calls, or is called already
      return;
    }
    session = incoming;
    note("");
    forget();
    enable(true, false);
    say("ringing");
    by("who").textContent = incoming.remote_identity.uri.user || "";
    by("here").hidden = true; // the flow has no part in this call
    by("answer").focus();
    sound = sound || new AudioContext();
    sound.resume();
    bell = telephoneSound.ring(sound);
    incoming.on("peerconnection", ({ peerconnection }) => follow(incoming, peerconnection));
    incoming.on("ended", () => over("ended"));
    incoming.on("failed", () => over("ended"));
  }

  async function answer() {
    const own = session;
    if (by("answer").hidden) {
      return;
    }
    by("answer").hidden = true;
    quiet();
    await listen();
    if (session === own) {
      own.answer({ mediaStream: microphone, pcConfig: { iceServers: [] } });
    } else {
      microphone.getTracks().forEach((track) => track.stop()); // it was hung up meanwhile
    }
  }

  function quiet() {
    if (bell) {
      bell.stop();
      bell = null;
    }
  }

  function talk() {
    say("talking");
    enable(true, true);
    began = Date.now();
    ticking = setInterval(tick, 250);
    tick();
  }

  function over(key) {
    clearInterval(ticking);
    quiet();
    say(key);
    by("who").textContent = "";
    enable(false, false);
    by("mute").setAttribute("aria-pressed", "false");
    const [gone, watched] = [agent, feed];
    agent = session = null;
    if (microphone) {
      microphone.getTracks().forEach((track) => track.stop());
    }
    if (gone) {
      setTimeout(() => gone.stop(), 500); // the last words of the call are still on their way
    }
    if (watched) {
      setTimeout(() => watched.close(), key === "ended" ? 10000 : 2000); // the end of the trace comes a moment later
    }
  }

  function hear(call, stream) {
    if (session === call) {
      by("heard").srcObject = stream;
      telephoneSound.level(sound, stream, by("level"), () => session === call);
    }
  }

  function tick() {
    const seconds = Math.floor((Date.now() - began) / 1000);
    by("clock").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  // --- keys ---

  function press(key) {
    const button = keys.find((one) => one.dataset.key === key);
    if (!session || !button || button.disabled) {
      return false;
    }
    session.sendDTMF(key, { transportType: "RFC2833", duration: 120, interToneGap: 80 });
    by("pressed").textContent += key;
    button.classList.add("down");
    setTimeout(() => button.classList.remove("down"), 150);
    return true;
  }

  // --- the trace ---

  function watch(address) {
    by("trace").replaceChildren();
    by("here").hidden = true;
    by("empty").hidden = true;
    if (feed) {
      feed.close();
    }
    const mine = (feed = new EventSource(address));
    mine.addEventListener("message", (event) => show(JSON.parse(event.data)));
    mine.addEventListener("over", () => mine.close());
  }

  function show(fact) {
    const list = by("trace");
    const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 40;
    const line = make("li", fact.kind);
    line.append(make("time", "", `${fact.after.toFixed(1)} s`));
    const words = make("span", "words", language === "zh" ? fact.zh : fact.en);
    const second = language === "zh" ? fact.en : fact.zh;
    if (second !== words.textContent) {
      const beside = make("span", "beside", " " + second);
      beside.lang = language === "zh" ? "en" : "zh-CN";
      words.append(beside);
    }
    if (fact.milliseconds !== null) {
      words.append(make("span", "took", ` ${fact.milliseconds} ${word("milliseconds")}`));
    }
    line.append(words, make("code", "place", fact.place));
    if (fact.said) {
      line.append(make("span", "said", fact.said));
    }
    list.append(line);
    if (fact.kind === "node") {
      by("here").hidden = false;
      by("node").textContent = fact.zh;
      by("place").textContent = fact.place;
    }
    if (atEnd) {
      list.scrollTop = list.scrollHeight;
    }
  }

  function make(tag, kind, text) {
    const element = document.createElement(tag);
    element.className = kind;
    element.textContent = text || "";
    return element;
  }

  // --- the page ---

  by("dial").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!by("call").disabled) {
      call();
    }
  });
  by("caller").addEventListener("change", waitToBeRung);
  by("answer").addEventListener("click", answer);
  by("decline").addEventListener("click", () => session.terminate({ status_code: 603 }));
  by("hang-up").addEventListener("click", () => (session && !session.isEnded() ? session.terminate() : over("ended")));
  by("mute").addEventListener("click", () => {
    const muted = by("mute").getAttribute("aria-pressed") === "true";
    session[muted ? "unmute" : "mute"]({ audio: true });
    by("mute").setAttribute("aria-pressed", String(!muted));
  });
  keys.forEach((key) => key.addEventListener("click", () => press(key.dataset.key)));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === document.body) {
      answer(); // elsewhere it presses the button that has the focus
    }
    if (!event.ctrlKey && !event.altKey && !event.metaKey && !event.repeat && event.target.tagName !== "SELECT" && press(event.key)) {
      event.preventDefault();
    }
  });
  say("idle");
  enable(false, false);
  waitToBeRung();
})();
