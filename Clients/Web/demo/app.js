import { CallMediaType, CallUserState, ResultCode, Switchboard } from '../sdk/switchboard.js';
import { CallView } from './call-view.js';
import { History } from './history.js';
import { element, hideNotice, paintAvatar, showNotice, showStatus } from './page.js';
import { People } from './people.js';
import { goodbye, ring, wake } from './sounds.js';
import { endWords, refusalWords, userIdFor } from './words.js';

const client = new Switchboard();
window.switchboard = client;

const people = new People(call);
const history = new History({ client, people, call });
const view = new CallView({ client, people });

/** Calls this page ended: no notice tells one's own doing. */
const endedHere = new Set();

/** What the status line says for a few seconds after a call. */
let lastWords = null;
let lastWordsTimer = 0;

// MARK: Joining

element('join-form').onsubmit = (event) => {
  event.preventDefault();
  wake();
  join(element('name-input').value.trim());
};

element('leave-button').onclick = async () => {
  sessionStorage.removeItem('demo.name');
  people.stop();
  await client.logout();
  history.clear();
  showScreen('join');
};

async function join(name, userId = userIdFor(name)) {
  if (!name) return;
  element('join-button').disabled = true;
  element('join-problem').textContent = '';
  try {
    const { userId: id, accessToken, url } = await tokenFor(userId, name);
    people.learnName(id, name);
    const { code } = await client.connect({
      url: url ?? '/ws',
      token: accessToken,
      onTokenExpired: async () => (await tokenFor(userId, name)).accessToken,
    });
    if (code !== 0) throw new Error(refusalWords(code));
    sessionStorage.setItem('demo.name', JSON.stringify({ name, userId }));
    paintAvatar(element('my-avatar'), id, name);
    element('my-avatar').title = `${name} (${id})`;
    showScreen('home');
    people.start(id);
    history.load();
    update();
  } catch (error) {
    showScreen('join');
    element('name-input').value = name;
    element('join-problem').textContent = error.message;
  } finally {
    element('join-button').disabled = false;
  }
}

async function tokenFor(userId, name) {
  const query = new URLSearchParams({ userId, name });
  const response = await fetch(`/demo/token?${query}`).catch(() => null);
  if (!response?.ok) throw new Error('The server gave no token. Is it running?');
  return response.json();
}

function showScreen(name) {
  document.body.dataset.screen = name;
  element('join-screen').hidden = name !== 'join';
  element('home-screen').hidden = name !== 'home';
  if (name === 'join') ring(null);
}

// MARK: Calling

async function call(userId, mediaType) {
  hideNotice();
  const started = client.startCall({ calleeIds: [userId], mediaType });
  update();
  const { code } = await started;
  if (code !== 0) showNotice(refusalWords(code, people.nameOf(userId)));
  update();
}

async function answer(mediaType) {
  const { callId } = element('incoming-card').dataset;
  const accepted = client.acceptCall({ callId, mediaType });
  update();
  const { code } = await accepted;
  if (code !== 0) showNotice(refusalWords(code));
  update();
}

element('answer-button').onclick = () => answer();
element('answer-audio-button').onclick = () => answer(CallMediaType.AUDIO);
element('decline-button').onclick = () => end(element('incoming-card').dataset.callId);
element('hangup-button').onclick = () => end();

function end(callId = client.getCurrentCallSession()?.callId) {
  endedHere.add(callId);
  client.endCall({ callId });
  update();
}

element('mute-button').onclick = () => toggle(client.enableMicrophone(!client.isMicrophoneEnabled()));
element('camera-button').onclick = () => toggle(client.enableCamera(!client.isCameraEnabled()));

async function toggle(change) {
  update();
  const { code } = await change;
  if (code !== 0) showNotice(refusalWords(code));
  update();
}

// MARK: What the client tells

client.setCallEventHandler({
  onCallReceived: () => (hideNotice(), update()),
  onCallConnected: update,
  onCallStateChanged: update,
  onCallMerged: update,
  onStartTimeReceived: update,
  onRemoteUserStateChanged: update,
  onRemoteUserConnectionChanged: update,
  onRemoteCameraStateChanged: update,
  onRemoteMicrophoneStateChanged: update,
  onLocalMediaStateChanged: update,
  onRemoteStream: update,
  onCallEnded: ended,
  onLocalMediaFailed: ({ kind }) => mediaFailed(kind),
  onServerCallLogReceived: (log) => history.add(log),
  onLocalCallLogReceived: (log) => history.add(log),
  onConnectionStateChanged: lineChanged,
});

function ended(session, reason) {
  const { userId, name } = view.otherOf(session);
  const words = endWords(reason, name, session.isConnectedTold);
  const byMe = endedHere.delete(session.callId);
  if (!byMe) {
    const again = { label: 'Call again', perform: () => call(userId, session.mediaType) };
    showNotice(noticeText(words, session, name), session.isOutgoing && !session.isConnectedTold ? again : undefined);
  }
  if (session.isConnectedTold || session.isOutgoing) goodbye();
  lastWords = words;
  clearTimeout(lastWordsTimer);
  lastWordsTimer = setTimeout(() => ((lastWords = null), update()), 5_000);
  update();
}

function mediaFailed(kind) {
  const isAllGone = client.localStream.getTracks().length === 0;
  const code = kind === 'audio' ? ResultCode.MICROPHONE_CLOSED : ResultCode.CAMERA_CLOSED;
  showNotice(isAllGone && kind === 'video' ? 'Camera and microphone cannot be used. Does the browser allow them?' : refusalWords(code));
}

function lineChanged(state, { code }) {
  if (state === 'closed' && document.body.dataset.screen === 'home' && code !== ResultCode.CHAT_DISCONNECTED) {
    people.stop();
    showNotice(refusalWords(code), { label: 'Sign in again', perform: () => location.reload() }, { stays: true });
  }
  update();
}

/** Shows everything anew; cheap enough to be called at whatever happens. */
function update() {
  const { ringing, active } = view.update();
  const isFree = !ringing && !active && client.connectionState === 'connected';
  people.setFree(isFree);
  history.setFree(isFree);
  ring(soundFor(ringing, active));
  document.title = ringing ? `${view.otherOf(ringing).name} is calling` : 'Switchboard';
  if (!active) showLine();
}

function showLine() {
  switch (client.connectionState) {
    case 'connected':
      return lastWords ? showStatus(lastWords.state, lastWords.short) : showStatus('idle', 'Online');
    case 'closed':
      return showStatus('offline', 'Offline');
    case 'connecting':
    case 'idle':
      return showStatus('reconnecting', 'Connecting…');
    default:
      return showStatus('reconnecting', 'Reconnecting…');
  }
}

function soundFor(ringing, active) {
  if (ringing) return active ? 'waiting' : 'incoming';
  return active?.isOutgoing && active.callState === CallUserState.CALLING ? 'outgoing' : null;
}

/** Who declined, or cancelled, depends on who called. */
function noticeText(words, session, name) {
  if (words.state === 'declined' && session.isOutgoing) return `${name} declined.`;
  if (words.state === 'cancelled' && !session.isOutgoing) return `You missed a call from ${name}.`;
  return words.text;
}

// MARK: Light and dark

const theme = localStorage.getItem('demo.theme');
if (theme) document.documentElement.dataset.theme = theme;

element('theme-button').onclick = () => {
  const next = isDark() ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  localStorage.setItem('demo.theme', next);
};

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

// MARK: A page that was reloaded goes on where it was

addEventListener('pointerdown', wake);
const before = JSON.parse(sessionStorage.getItem('demo.name') ?? 'null');
if (before) {
  showScreen('home');
  update();
  join(before.name, before.userId);
}
