import { CallLogOrder, CallMediaType } from '../sdk/switchboard.js';
import { copyOf, element, paintAvatar } from './page.js';
import { logWords, whenText } from './words.js';

const SHOWN_CALLS = 30;

/** The calls of before, newest first, each a touch away from another one. */
export class History {
  #client;
  #people;
  #call;
  #logsById = new Map();
  #isFree = true;

  constructor({ client, people, call }) {
    this.#client = client;
    this.#people = people;
    this.#call = call;
  }

  async load() {
    const { code, callLogInfo } = await this.#client.getHistoryCallLogs({ count: SHOWN_CALLS, order: CallLogOrder.DESC });
    if (code !== 0) return;
    for (const log of callLogInfo.callLogList) this.#keep(log);
    this.#show();
  }

  /** A record that came, or came again with more in it. */
  add(log) {
    this.#keep(log);
    this.#show();
  }

  /** Nobody is called while a call is on. */
  setFree(isFree) {
    this.#isFree = isFree;
    for (const button of element('history').querySelectorAll('button')) button.disabled = !isFree;
  }

  clear() {
    this.#logsById.clear();
    this.#show();
  }

  #keep(log) {
    const known = this.#logsById.get(log.callId);
    if (!known || (log.syncTime ?? 0) >= (known.syncTime ?? 0)) this.#logsById.set(log.callId, log);
  }

  #show() {
    const logs = [...this.#logsById.values()].sort((a, b) => timeOf(b) - timeOf(a)).slice(0, SHOWN_CALLS);
    element('history').replaceChildren(...logs.map((log) => this.#row(log)));
    element('history-empty').hidden = logs.length > 0;
  }

  #row(log) {
    const row = copyOf('history-row');
    const userId = this.#otherOf(log);
    const name = this.#people.nameOf(userId);
    const { icon, text, isMissed } = logWords(log);
    row.classList.toggle('missed', isMissed === true);
    paintAvatar(row.querySelector('.avatar'), userId, name);
    row.querySelector('b').textContent = name;
    row.querySelector('small use').setAttribute('href', `#${icon}`);
    row.querySelector('small span').textContent = text;
    row.querySelector('time').textContent = whenText(timeOf(log));
    const again = row.querySelector('.call-again');
    again.querySelector('use').setAttribute('href', log.mediaType === CallMediaType.AUDIO_VIDEO ? '#i-video' : '#i-phone');
    again.setAttribute('aria-label', `Call ${name} again`);
    again.disabled = !this.#isFree;
    again.onclick = () => this.#call(userId, log.mediaType);
    return row;
  }

  /** Participants are userIds, or objects that bear one. */
  #otherOf(log) {
    for (const participant of log.participants ?? []) {
      if (participant.name) this.#people.learnName(participant.userId, participant.name);
    }
    const userIds = (log.participants ?? []).map((participant) => participant.userId ?? participant);
    return userIds.find((userId) => userId !== this.#client.userId) ?? log.callerUserId ?? '';
  }
}

function timeOf(log) {
  return log.creationTime ?? log.startTime ?? log.endTime ?? 0;
}
