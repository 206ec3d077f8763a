/* What libcurl asks before it connects, for the fetch path's transfers: whether it may, and
   for how long. See receiver.h. */
#include "receiver_private.h"

#include <string.h>

#include "keepalive.h"
#include "quirks.h"

/* ---- How long it may take ---- */

void receiver_connects(Easy *easy)
{
  Receiver *receiver = easy->receiver;
  if (receiver->message.connect_ms != 0 || receiver->connect_ms == 0 ||
      receiver->heard || easy->multi == NULL)
    return;
  receiver->message.connect_ms = receiver->connect_ms;
  (void)curl_easy_setopt(easy->handle, CURLOPT_CONNECTTIMEOUT_MS,
                         receiver->connect_ms);
  multi_expect_connection(easy->multi, easy);
}

/* ---- New sockets ---- */

/* A server may answer a request of HTTP/2 with HTTP_1_1_REQUIRED; libcurl then
   opens a connection of HTTP/1.1 for it. Before 8.5 libcurl sends requests that
   may share a connection on this one too, busy as it is, and mixes their
   answers up. So it gets none: transfer.lua starts the request again where no
   others are. What an upload has taken cannot be taken again. */
static int refuse_other_version(Easy *easy, curlsocktype purpose)
{
  if (purpose != CURLSOCKTYPE_IPCXN || easy->receiver->sending ||
      strstr(easy->message, "HTTP_1_1_REQUIRED") == NULL)
    return CURL_SOCKOPT_OK;
  if (easy->receiver->stage == STAGE_START)
    easy->receiver->demanded_http1 = true;
  else
    easy->receiver->restarted = true; /* see on_header */
  return CURL_SOCKOPT_ERROR;
}

int receiver_on_socket(void *data, curl_socket_t fd, curlsocktype purpose)
{
  Easy *easy = data;
  Receiver *receiver = easy->receiver;
  if (receiver->only_lookup)
    return CURL_SOCKOPT_ERROR;
  keepalive_apply(fd);
  if (quirk_mixed_versions() &&
      refuse_other_version(easy, purpose) != CURL_SOCKOPT_OK)
    return CURL_SOCKOPT_ERROR;
  if (receiver->tried_kept && !receiver->heard)
    receiver->reconnects = true;
  receiver_connects(easy);
  return CURL_SOCKOPT_OK;
}

/* ---- Lookups ---- */

/* The name is not in the cache: lookups.lua has it looked up, and the transfer
   starts again. Later than that it is the address of a data connection. */
int receiver_on_resolve(void *state, void *reserved, void *data)
{
  Receiver *receiver = ((Easy *)data)->receiver;
  (void)state;
  (void)reserved;
  receiver->denied = receiver->asks && !receiver->connected;
  if (!receiver->denied)
    receiver_connects(data);
  return receiver->denied;
}
