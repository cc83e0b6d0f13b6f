// What both telephones do with sound: the microphone, silence where there is none, the level of what is heard, and ringing.
"use strict";

const telephoneSound = (() => {
  async function microphone(sound, missing) {
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
    } catch {
      missing();
      return silence(sound); // one can still hear, and press keys
    }
  }

  function silence(sound) {
    const [source, sink] = [sound.createConstantSource(), sound.createMediaStreamDestination()];
    source.offset.value = 0;
    source.connect(sink); // without a source nothing is sent at all, keys neither
    source.start();
    return sink.stream;
  }

  // Shows the level of a stream as long as its call is up. `peak` is the loudest so far.
  function level(sound, stream, meter, up) {
    const analyser = sound.createAnalyser();
    sound.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const look = () => {
      analyser.getFloatTimeDomainData(samples);
      const peak = up() ? samples.reduce((most, one) => Math.max(most, Math.abs(one)), 0) : 0;
      meter.value = peak;
      meter.dataset.peak = String(Math.max(peak, Number(meter.dataset.peak)));
      if (up()) {
        setTimeout(look, 60);
      }
    };
    look();
  }

  // Rings for a minute; what is returned stops it.
  function ring(sound) {
    const [tone, volume] = [sound.createOscillator(), sound.createGain()];
    tone.frequency.value = 440;
    volume.gain.value = 0;
    for (let second = 0; second < 60; second += 4) {
      volume.gain.setValueAtTime(0.1, sound.currentTime + second);
      volume.gain.setValueAtTime(0, sound.currentTime + second + 1);
    }
    tone.connect(volume).connect(sound.destination);
    tone.start();
    return tone;
  }

  return { microphone, level, ring };
})();
