/* Before each request of a transfer: libcurl sends one again, whatever it is,
   when a connection that was kept has died before the first byte of an answer
   (Curl_retry_request: up to five times). What may not be done twice must not
   be. Called from libcurl, and from easy_transfer.c at the end. */
#include <string.h>
#include <strings.h>

#include "multi.h"
#include "public_only.h"
#include "quirks.h"
#include "receiver.h"
#include "upload.h"

static long info_long(const Easy *easy, CURLINFO info)
{
  long value = 0;
  (void)curl_easy_getinfo(easy->handle, info, &value);
  return value;
}

static long bytes_sent(const Easy *easy)
{
  return info_long(easy, CURLINFO_REQUEST_SIZE);
}

/* Whether the last try has sent something. */
static bool has_sent(const Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  return receiver->connected && !receiver->unfit &&
         bytes_sent(easy) > receiver->tried_at;
}

/* A part of what TLS reports as not sent may have been: it is many records. */
static bool may_have_sent(const Easy *easy)
{
  const char *scheme = NULL;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SCHEME, &scheme);
  return easy->receiver->connected && !easy->receiver->unfit &&
         scheme != NULL && strcasecmp(scheme, "https") == 0;
}

/* HTTP/2 and 3 tell which requests were not looked at (REFUSED_STREAM, GOAWAY,
   HTTP_1_1_REQUIRED): libcurl sends those again without a complaint. A request
   on a new connection is sent again for that reason alone. */
bool repeat_was_refused(const Easy *easy)
{
  if (!easy->receiver->tried_kept)
    return true;
  return (easy->use.known ? !easy->use.http1 : easy->receiver->multiplexed) &&
         (easy->message[0] == '\0' ||
          strstr(easy->message, "HTTP_1_1_REQUIRED") != NULL);
}

/* The last try had no answer. */
static bool may_try_again(Easy *easy)
{
  Receiver *receiver = easy->receiver;
  if (!has_sent(easy) && !(receiver->once && may_have_sent(easy)))
    return true;
  receiver->tries++;
  receiver->tried_at = bytes_sent(easy);
  if (repeat_was_refused(easy))
    return true;
  if (receiver->once || receiver->repeated) {
    receiver->died = true;
    return false;
  }
  receiver->repeated = true;
  return true;
}

/* Connections of one age die together: what is sent again is sent on a new
   one. */
static bool must_be_new(const Easy *easy)
{
  return easy->receiver->repeated && easy->receiver->tried_kept &&
         (!easy->use.known || easy->use.http1);
}

static void choose_connection(Easy *easy, bool fit, int local_port)
{
  Receiver *receiver = easy->receiver;
  receiver->tried_kept = easy->use.known
                             ? easy->use.kept
                             : info_long(easy, CURLINFO_NUM_CONNECTS) == 0;
  if (fit && must_be_new(easy))
    fit = !easy_hang_up(easy, local_port);
  receiver->unfit = !fit;
  if (fit)
    return;
  /* Taken back by the reset that a needs_reset handle gets. */
  (void)curl_easy_setopt(easy->handle, CURLOPT_FRESH_CONNECT, 1L);
  easy->needs_reset = true;
}

int repeat_on_connected(void *data, char *peer, char *local, int peer_port,
                        int local_port)
{
  Easy *easy = data;
  Receiver *receiver = easy->receiver;
  (void)local;
  if (receiver_is_unexpected(receiver) ||
      (receiver->public_only && !public_only_allows(easy, peer)))
    return CURL_PREREQFUNC_ABORT;
  if (receiver->connected) {
    /* Another request within the transfer: libcurl counts these, see
       easy_needs_reset. */
    easy->needs_reset = true;
    if (receiver->received > 0) {
      /* HTTP_1_1_REQUIRED behind a part of the body: see receiver_on_header. */
      receiver->restarted = true;
      return CURL_PREREQFUNC_ABORT;
    }
    if (receiver->heard) { /* a round of authentication */
      receiver->repeated = false;
      receiver->tried_at = bytes_sent(easy);
    }
    else if (!may_try_again(easy))
      return CURL_PREREQFUNC_ABORT;
    if (!upload_begin(easy))
      return CURL_PREREQFUNC_ABORT;
    receiver->heard = false;
  }
  choose_connection(easy, easy_use(easy, peer, peer_port, local_port),
                    local_port);
  receiver->connected = true;
  receiver->reconnects = false;
  if (easy->multi == NULL)
    return CURL_PREREQFUNC_OK;
  receiver->active_ms = multi_now(easy->multi);
  multi_is_connected(easy->multi, easy);
  if (receiver->heats) {
    easy->multi->warm = !quirk_no_ca_cache();
    easy->multi->driven.cold = !easy->multi->warm;
  }
  if (receiver->tell_connected)
    easy_join_ready(easy, easy->multi->ready);
  return CURL_PREREQFUNC_OK;
}

bool repeat_has_died(const Easy *easy)
{
  return easy->receiver->died;
}

int repeat_attempts(const Easy *easy)
{
  int count = easy->receiver->tries + (has_sent(easy) ? 1 : 0);
  return count > 0 ? count : 1;
}

/* libcurl itself repeats only what has died while it read, and on HTTP/2 only some
   of that: not when TLS has ended, or when GOAWAY came and the end behind it. */
bool repeat_is_due(const Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  switch (easy->result) {
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
  case CURLE_GOT_NOTHING:
  case CURLE_PARTIAL_FILE:
  case CURLE_HTTP2:
    return receiver->connected && receiver->tried_kept && !receiver->heard &&
           !receiver->once && !receiver->repeated;
  default: return false;
  }
}

bool repeat_is_risky(const Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  return receiver->once && !receiver->refused &&
         (receiver->tries > 0 || has_sent(easy));
}
