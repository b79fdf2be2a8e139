// Put into each page before its own scripts: lets a test see the peer connections, the picture and the fetched bodies.
window.probe = {
  connections: [],
  lineStates: [],

  /** Of the newest peer connection that is open; zeroes without one. */
  async received() {
    const connection = this.connections.findLast((one) => one.connectionState !== 'closed');
    const found = { links: this.connections.length, frames: 0, packets: 0, energy: 0 };
    for (const stat of connection ? (await connection.getStats()).values() : []) {
      if (stat.type !== 'inbound-rtp') continue;
      if (stat.kind === 'video') found.frames += stat.framesDecoded ?? 0;
      if (stat.kind === 'audio') found.packets += stat.packetsReceived ?? 0;
      if (stat.kind === 'audio') found.energy += stat.totalAudioEnergy ?? 0;
    }
    return found;
  },

  /** [red, green, blue] of what a video element shows, or null while it shows nothing. */
  colour(testId) {
    const video = document.querySelector(`[data-testid=${testId}]`);
    if (!video?.videoWidth) return null;
    const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
    context.drawImage(video, 0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  },
};

window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(options) {
    super(window.isBehindRelay ? { ...options, iceTransportPolicy: 'relay' } : options);
    window.probe.connections.push(this);
  }
};

const fetchAsBefore = window.fetch;
window.fetch = async (input, options) => {
  const response = await fetchAsBefore(input, options);
  const body = await response.clone().text();
  const { pathname, search } = new URL(response.url);
  const { status, headers } = response;
  window.recordExchange({ method: options?.method ?? 'GET', path: pathname + search, status, body, type: headers.get('content-type') });
  return response;
};
