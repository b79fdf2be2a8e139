import { CallDirection, CallMediaType, EndReason, ResultCode } from '../sdk/switchboard.js';

/** Why a call ended, for the one who reads it: `state` for the status line, `short` in it, `text` as a sentence. */
export function endWords(reason, name, wasConnected) {
  switch (reason) {
    case EndReason.BUSY_LINE_RINGING:
    case EndReason.BUSY_LINE_WAIT:
      return { state: 'busy', short: 'Busy', text: `${name} is busy.` };
    case EndReason.NO_ANSWER:
      return { state: 'no-answer', short: 'No answer', text: `${name} did not answer.` };
    case EndReason.MISSED:
      return { state: 'missed', short: 'Missed', text: `You missed a call from ${name}.` };
    case EndReason.CANCELED:
      return { state: 'cancelled', short: 'Cancelled', text: 'The call was cancelled.' };
    case EndReason.DECLINED:
      return { state: 'declined', short: 'Declined', text: 'The call was declined.' };
    case EndReason.ACCEPT_BY_OTHER_CLIENT:
      return { state: 'elsewhere', short: 'Answered elsewhere', text: 'Answered on another of your devices.' };
    case EndReason.HANGUP_BY_OTHER_CLIENT:
      return { state: 'elsewhere', short: 'Declined elsewhere', text: 'Declined on another of your devices.' };
    case EndReason.OTHER_CLIENT_CALLING:
    case EndReason.OTHER_CLIENT_JOINED:
    case EndReason.OTHER_CLIENT_LOGIN:
      return { state: 'elsewhere', short: 'Moved', text: 'The call went on another of your devices.' };
    case EndReason.CONNECTION_ERROR:
    case EndReason.ABNORMAL_END:
      return { state: 'lost', short: 'Connection lost', text: 'Your connection was lost for too long.' };
    case EndReason.REMOTE_CONNECTION_ERROR:
      return { state: 'lost', short: 'Connection lost', text: `${name} lost the connection.` };
    case EndReason.REMOTE_LOGOUT:
    case EndReason.REMOTE_OTHER_CLIENT_LOGIN:
    case EndReason.REMOTE_OTHER_JOINED:
    case EndReason.REMOTE_OTHER_CLIENT_ONCALL:
      return { state: 'ended', short: 'Ended', text: `${name} left.` };
    case EndReason.JOIN_ERROR:
    case EndReason.PUBLISH_ERROR:
    case EndReason.SUBSCRIBE_ERROR:
    case EndReason.REMOTE_JOIN_ERROR:
    case EndReason.REMOTE_PUBLISH_ERROR:
    case EndReason.REMOTE_SUBSCRIBE_ERROR:
      return { state: 'failed', short: 'Failed', text: 'Sound and picture could not be connected.' };
    case EndReason.KICKED_BY_SERVER:
    case EndReason.REMOTE_KICKED_BY_SERVER:
      return { state: 'ended', short: 'Ended', text: 'The call was ended by the server.' };
    default:
      return { state: 'ended', short: 'Ended', text: wasConnected ? `Call with ${name} ended.` : 'The call ended.' };
  }
}

/** Why something was refused. */
export function refusalWords(code, name = 'They') {
  switch (code) {
    case ResultCode.ON_CALLING:
    case ResultCode.IN_ANOTHER_ROOM:
      return 'You are in another call already.';
    case ResultCode.NOT_IN_CALL:
    case ResultCode.CALL_ID_INVALID:
    case ResultCode.ANSWERED_TOO_LATE:
      return 'That call is over.';
    case ResultCode.USER_LIST_INVALID:
      return `${name} cannot be called.`;
    case ResultCode.VOIP_SERVICE_UNAVAILABLE:
      return 'Calling is switched off here.';
    case ResultCode.NOT_ALLOWED:
      return 'You may not do that.';
    case ResultCode.ROOM_FULL:
      return 'The call is full.';
    case ResultCode.CHAT_DISCONNECTED:
      return 'There is no connection to the server.';
    case ResultCode.TOO_FAST:
      return 'That was too quick. Try again in a moment.';
    case ResultCode.TRY_AGAIN:
      return 'The server did not answer. Try again in a moment.';
    case ResultCode.TOKEN_INVALID:
      return 'Your sign-in is no longer valid.';
    case ResultCode.REPLACED:
      return 'You are signed in on a newer device.';
    case ResultCode.CAMERA_CLOSED:
      return 'The camera cannot be used.';
    case ResultCode.MICROPHONE_CLOSED:
      return 'The microphone cannot be used.';
    default:
      return `That did not work (${code}).`;
  }
}

/** One line of the list of calls. */
export function logWords(log) {
  const isOutgoing = log.callDirection === CallDirection.CALL_OUT;
  if (log.missed) return { icon: 'i-missed', text: 'Missed', isMissed: true };
  const icon = isOutgoing ? 'i-out' : 'i-in';
  if (log.duration > 0 || log.startTime) return { icon, text: `${kind(log)}, ${clockText(log.duration ?? 0)}` };
  switch (log.endReason) {
    case EndReason.DECLINED:
      return { icon, text: isOutgoing ? 'Declined' : 'You declined' };
    case EndReason.NO_ANSWER:
      return { icon, text: 'No answer' };
    case EndReason.CANCELED:
      return { icon, text: 'Cancelled' };
    case EndReason.BUSY_LINE_RINGING:
    case EndReason.BUSY_LINE_WAIT:
      return { icon, text: 'Busy' };
    default:
      return { icon, text: kind(log) };
  }
}

export function kind({ mediaType }) {
  return mediaType === CallMediaType.AUDIO_VIDEO ? 'Video call' : 'Audio call';
}

/** Seconds as `m:ss` or `h:mm:ss`. */
export function clockText(seconds) {
  const two = (n) => String(n).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** When it was: the time of day if it was today, else the date. */
export function whenText(milliseconds) {
  const date = new Date(milliseconds);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? date.toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' })
    : date.toLocaleDateString([], { day: 'numeric', month: 'short' });
}

export function initials(name) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => [...word][0] ?? '').join('').toUpperCase();
}

/** A userId made from a name: letters without accents, digits, dashes. A name without any gets a number. */
export function userIdFor(name) {
  const plain = name.normalize('NFD').replace(/[\u0300-\u036f]/g, '').toLowerCase();
  const id = plain.replace(/[^a-z0-9._-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40);
  return id || `guest-${Math.floor(Math.random() * 1e6)}`;
}
