/* How far a transfer has come: the phase in its errors. */
#include "error_private.h"

#include <strings.h>

#include "easy.h"
#include "gathered.h"

static const char *const phase_names[] = { "queue", "resolve", "connect", "tls",
                                           "send",  "wait",    "receive" };

static curl_off_t info_time(CURL *handle, CURLINFO info)
{
  curl_off_t us = 0;
  (void)curl_easy_getinfo(handle, info, &us); /* stays 0 when unknown */
  return us;
}

/* libcurl marks the time of a connect only when TLS is done too, or has failed
   for another reason than time. In 7.88 the local end of the socket is known
   as soon as TCP stands; later versions tell nothing, so it takes a driver that
   sees what the socket waits for. */
static bool is_connected(Easy *easy)
{
  long port = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_LOCAL_PORT, &port);
  return port > 0 || easy->connected ||
         info_time(easy->handle, CURLINFO_CONNECT_TIME_T) > 0;
}

long error_connect_status(Easy *easy)
{
  long status = 0;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_HTTP_CONNECTCODE, &status);
  return status;
}

/* Whether the connection to the proxy stands, and that to the server does not. */
bool error_asks_proxy(Easy *easy)
{
  const char *scheme = NULL;
  if (easy->receiver == NULL || !easy->receiver->tunnels)
    return false;
  /* Behind its status line headers may come. */
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SCHEME, &scheme);
  return error_connect_status(easy) / 100 != 2 ||
         (scheme != NULL && strcasecmp(scheme, "http") == 0);
}

/* When all was fed that was promised, libcurl does not ask whether it was all. */
bool error_is_sending(Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  curl_off_t length = -1, sent = receiver->sent_bytes;
  if (receiver->sent || (!receiver->sending && !receiver->uploads))
    return false;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_CONTENT_LENGTH_UPLOAD_T,
                          &length);
  if (length < 0)
    return receiver->sending;
  if (!receiver->sending)
    (void)curl_easy_getinfo(easy->handle, CURLINFO_SIZE_UPLOAD_T, &sent);
  return sent < length;
}

/* How far the transfer came, from libcurl's marks and the receiver's. */
Phase error_phase_of(Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  if (receiver != NULL && receiver->stage != STAGE_START)
    return PHASE_RECEIVE;
  if (receiver != NULL && receiver->connected)
    return error_is_sending(easy) ? PHASE_SEND : PHASE_WAIT;
  /* libcurl counts "100 Continue" as a start. */
  if (info_time(easy->handle, CURLINFO_STARTTRANSFER_TIME_T) > 0)
    return PHASE_RECEIVE;
  if (info_time(easy->handle, CURLINFO_PRETRANSFER_TIME_T) > 0)
    return PHASE_WAIT;
  if (is_connected(easy))
    return error_asks_proxy(easy) ? PHASE_CONNECT : PHASE_TLS;
  if (info_time(easy->handle, CURLINFO_NAMELOOKUP_TIME_T) > 0)
    return PHASE_CONNECT;
  return PHASE_RESOLVE;
}

const char *error_phase(Easy *easy)
{
  return phase_names[error_phase_of(easy)];
}

const char *error_phase_name(Phase phase)
{
  return phase_names[phase];
}
