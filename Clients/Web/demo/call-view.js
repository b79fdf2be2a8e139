import { CallMediaType, CallUserState } from '../sdk/switchboard.js';
import { element, moveStatus, paintAvatar, showStatus } from './page.js';
import { clockText, kind } from './words.js';

/** The call on the screen, and the card of one that comes in. It shows what the client knows, and keeps nothing. */
export class CallView {
  #client;
  #people;
  #ticker = 0;
  #shownUser = null;

  constructor({ client, people }) {
    this.#client = client;
    this.#people = people;
    client.setLocalVideoView(element('local-video'));
    for (const event of ['loadeddata', 'resize', 'emptied']) element('remote-video').addEventListener(event, () => this.update());
    element('unblock-button').onclick = () => this.#play();
  }

  update() {
    const sessions = this.#client.getCallSessions();
    const ringing = sessions.find((session) => session.isRinging);
    const active = sessions.find((session) => !session.isRinging && !session.isOver && session.callState !== CallUserState.IDLE);
    this.#showIncoming(ringing);
    this.#showCall(active);
    return { ringing, active };
  }

  /** The other person of a 1:1 call. */
  otherOf(session) {
    const [user] = session.remoteUsers;
    const userId = user?.userId ?? session.callerUserId ?? '';
    this.#people.learnName(userId, user?.name);
    return { userId, name: this.#people.nameOf(userId), user };
  }

  #showIncoming(session) {
    element('incoming-card').hidden = !session;
    if (!session) return;
    const { userId, name } = this.otherOf(session);
    paintAvatar(element('incoming-avatar'), userId, name);
    element('incoming-name').textContent = name;
    element('incoming-kind').textContent = `${kind(session)}${session.busy ? '. Answering ends the present call.' : ''}`;
    element('answer-audio-button').hidden = session.mediaType !== CallMediaType.AUDIO_VIDEO;
    element('incoming-card').dataset.callId = session.callId;
  }

  #showCall(session) {
    const screen = element('call-screen');
    screen.hidden = !session;
    moveStatus(session ? 'call-status-slot' : 'home-status-slot');
    if (!session) return this.#clear();
    const { userId, name, user } = this.otherOf(session);
    this.#view(userId);
    const isVideo = session.mediaType === CallMediaType.AUDIO_VIDEO;
    const isConnected = session.callState === CallUserState.ONCALL;
    const hasPicture = isVideo && isConnected && user?.isCameraEnabled && element('remote-video').videoWidth > 0;
    screen.classList.toggle('audio', !isVideo);
    screen.classList.toggle('has-picture', hasPicture === true);
    screen.classList.toggle('ringing', !isConnected);
    element('call-name').textContent = name;
    paintAvatar(element('call-avatar'), userId, name);
    element('portrait-note').textContent = isVideo && isConnected && user && !user.isCameraEnabled ? 'Camera is off' : '';
    element('remote-muted').hidden = !(isConnected && user && !user.isMicrophoneEnabled);
    this.#showOwn(isVideo);
    this.#showLine(session, name, user);
    this.#tick(session, isConnected);
  }

  #showOwn(isVideo) {
    const hasCamera = this.#client.isCameraEnabled();
    element('local-frame').classList.toggle('no-picture', !hasCamera);
    paintAvatar(element('local-avatar'), this.#client.userId ?? '', this.#people.nameOf(this.#client.userId ?? ''));
    press('mute-button', !this.#client.isMicrophoneEnabled(), 'Unmute', 'Mute');
    press('camera-button', !hasCamera, 'Camera on', 'Camera off');
    element('camera-button').hidden = !isVideo;
  }

  #showLine(session, name, user) {
    const line = this.#client.connectionState;
    if (line !== 'connected') return showStatus('reconnecting', 'Reconnecting…');
    if (user && !user.isOnline) return showStatus('reconnecting', `${name} is reconnecting…`);
    if (session.callState === CallUserState.ONCALL) return showStatus('connected', 'Connected');
    if (session.callState === CallUserState.CONNECTING) return showStatus('connecting', 'Connecting…');
    const isBusy = session.busyLineUserList.some(({ userId }) => userId === user?.userId);
    if (isBusy && user.userState < CallUserState.CONNECTING) return showStatus('busy-waiting', `${name} is in another call. Ringing…`);
    switch (user?.userState) {
      case CallUserState.RINGING:
        return showStatus('ringing', 'Ringing…');
      case CallUserState.CONNECTING:
        return showStatus('connecting', 'Connecting…');
      default:
        return showStatus('calling', 'Calling…');
    }
  }

  #view(userId) {
    if (this.#shownUser === userId) return;
    if (this.#shownUser) this.#client.removeVideoView([this.#shownUser]);
    this.#shownUser = userId;
    this.#client.setRemoteVideoView([{ userId, videoElement: element('remote-video') }]);
  }

  #clear() {
    if (this.#shownUser) this.#client.removeVideoView([this.#shownUser]);
    this.#shownUser = null;
    clearInterval(this.#ticker);
    this.#ticker = 0;
    element('timer').hidden = true;
    element('unblock-button').hidden = true;
  }

  #tick(session, isConnected) {
    const timer = element('timer');
    timer.hidden = !isConnected || !session.startTime;
    const show = () => {
      const seconds = Math.max(0, Math.floor((this.#client.serverNow() - session.startTime) / 1000));
      timer.textContent = clockText(seconds);
      const video = element('remote-video');
      element('unblock-button').hidden = !(isConnected && video.srcObject && video.paused);
    };
    clearInterval(this.#ticker);
    this.#ticker = 0;
    if (timer.hidden) return;
    show();
    this.#ticker = setInterval(show, 500);
  }

  #play() {
    element('unblock-button').hidden = true;
    element('remote-video').play().catch(() => {});
  }
}

function press(buttonId, isPressed, titlePressed, title) {
  const button = element(buttonId);
  button.setAttribute('aria-pressed', isPressed);
  button.title = isPressed ? titlePressed : title;
  button.setAttribute('aria-label', button.title);
}
