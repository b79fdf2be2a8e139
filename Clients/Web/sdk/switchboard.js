/** The entry of the Switchboard web SDK: an ES module without build step and without dependencies. */
export { Switchboard } from './client.js';
export {
  CallDirection,
  CallLogOrder,
  CallMediaType,
  CallType,
  CallUserState,
  CloseCode,
  EndReason,
  ResultCode,
} from './codes.js';
