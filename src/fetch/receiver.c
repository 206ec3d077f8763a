/* See receiver.h. All callbacks here write C structs only. */
#include "receiver_private.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "keepalive.h"
#include "public_only.h"
#include "quirks.h"
#include "seldom.h"
#include "upload.h"

#define HIGH_WATER (256 * 1024)
#define MAX_HEADERS (300 * 1024)

/* A declared length is believed up to here when room is made for it. */
#define RESERVE_MOST (1024 * 1024)

/* ---- Body ---- */

/* Streams of HTTP/2 that are paused may end early, with no error, before
   libcurl 8.4 (curl#11982). */
static bool pause_is_unsafe(Easy *easy)
{
  long version = 0;
  if (easy->receiver->major == '1')
    return false; /* asking libcurl takes longer */
  (void)curl_easy_getinfo(easy->handle, CURLINFO_HTTP_VERSION, &version);
  if (version == CURL_HTTP_VERSION_NONE)
    return easy_is_file(easy); /* those are read in one go */
  return version == CURL_HTTP_VERSION_2_0 && quirk_h2_pause_truncates();
}

static void body_begins(Easy *easy)
{
  Receiver *receiver = easy->receiver;
  curl_off_t length = receiver->framing.named ? receiver->framing.length : -1;
  receiver->no_pause = pause_is_unsafe(easy);
  /* Better libcurl's coarse limit than none. */
  if (receiver->no_pause && receiver->pace.speed > 0)
    (void)curl_easy_setopt(easy->handle, CURLOPT_MAX_RECV_SPEED_LARGE,
                           (curl_off_t)receiver->pace.speed);
  receiver->watched = receiver->uploads && quirk_h2_hangs_after_answer();
  if (receiver->major == 0)
    (void)curl_easy_getinfo(easy->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
                            &length);
  if (length > 0 && length <= RESERVE_MOST &&
      (receiver->buffering || (size_t)length <= receiver->high_water))
    (void)buffer_reserve(&receiver->body, (size_t)length); /* only a hint */
}

static bool passes_cap(const Receiver *receiver, size_t size)
{
  if (receiver->max_body == 0)
    return false;
  if (receiver->buffering)
    return receiver->received + (curl_off_t)size > receiver->max_body;
  /* Not paused, so bounded: what nobody reads may not grow for ever. */
  return receiver->no_pause &&
         (curl_off_t)(buffer_size(&receiver->body) + size) > receiver->max_body;
}

static void count(Receiver *receiver, size_t size)
{
  receiver->received += (curl_off_t)size;
  if (receiver->pace.speed > 0)
    pace_take(&receiver->pace, size, uv_hrtime() / 1000);
}

/* To a file: nothing to pause for. */
static size_t sink_body(Easy *easy, const char *bytes, size_t size)
{
  Receiver *receiver = easy->receiver;
  receiver_touch(easy);
  if (!sink_put(&receiver->seldom->sink, bytes, size, receiver->active_ms))
    return size + 1;
  count(receiver, size);
  if (receiver->chatty || receiver->watched)
    receiver_tell(easy);
  return size;
}

/* Whether bytes come before they may: pacing.lua is told, and goes on in time.
   Until then it is as if there were signs of life. */
static bool is_early(Easy *easy)
{
  Receiver *receiver = easy->receiver;
  receiver->early =
      !receiver->no_pause && pace_is_early(&receiver->pace, uv_hrtime() / 1000);
  if (receiver->early) {
    receiver->active_ms = receiver->pace.due / 1000;
    receiver_tell(easy);
  }
  return receiver->early;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *data)
{
  Easy *easy = data;
  Receiver *receiver = easy->receiver;
  Buffer *body = &receiver->body;
  (void)one;
  if (receiver->pace.speed > 0 && is_early(easy))
    return CURL_WRITEFUNC_PAUSE;
  if (sink_is_open(&receiver->seldom->sink) && receiver->coded == NULL)
    return sink_body(easy, bytes, size);
  if (!receiver->buffering && !receiver->no_pause && buffer_size(body) > 0 &&
      buffer_size(body) + size > receiver->high_water) {
    receiver->paused = true;
    receiver_tell(easy);
    return CURL_WRITEFUNC_PAUSE;
  }
  receiver_touch(easy);
  if (receiver->received == 0)
    body_begins(easy);
  /* Protocols without a header block, such as FTP, answer with the body. */
  if (receiver->stage < STAGE_BODY) {
    receiver->stage = STAGE_BODY;
    receiver_tell(easy);
  }
  if (passes_cap(receiver, size)) {
    receiver->excess = "body";
    return size + 1;
  }
  if (!buffer_append(body, bytes, size))
    return size + 1;
  count(receiver, size);
  if (!receiver->buffering || receiver->chatty || receiver->watched)
    receiver_tell(easy);
  return size;
}

/* Bytes of the body, but for what libcurl writes while the head is guarded. */
static size_t on_written(char *bytes, size_t one, size_t size, void *data)
{
  Easy *easy = data;
  if (easy->guard.state == HEAD_UNGUARDED)
    return on_body(bytes, one, size, data);
  switch (head_guard_check(&easy->guard, easy->handle, bytes, size)) {
  case HEAD_IS_LINE: return size;
  case HEAD_IS_REFUSED: return receiver_refuse(easy, HEAD_GUARD_REASON, size);
  default: return on_body(bytes, one, size, data);
  }
}

/* ---- The version ---- */

/* libcurl tells the HTTP version with the answer, which may be a long time
   coming. But what it shows here begins with a request line that names the
   version TLS has agreed on, in HTTP/2 and 3 too. */
static int on_debug(CURL *handle, curl_infotype type, char *bytes, size_t size,
                    void *data)
{
  static const char before[] = " HTTP/";
  Easy *easy = data;
  const char *at =
      type == CURLINFO_HEADER_OUT ? memchr(bytes, '\r', size) : NULL;
  /* Before the connection is there this is a request to a proxy. */
  if (at == NULL || !easy->receiver->connected)
    return 0;
  while (at > bytes && *at != ' ')
    at--;
  if (strncmp(at, before, sizeof before - 1) != 0)
    return 0;
  easy->receiver->version = at[sizeof before - 1];
  (void)curl_easy_setopt(handle, CURLOPT_VERBOSE, 0L); /* it is known */
  return 0;
}

void receiver_ask_version(Easy *easy)
{
  /* Setting these cannot fail. */
  (void)curl_easy_setopt(easy->handle, CURLOPT_DEBUGFUNCTION, on_debug);
  (void)curl_easy_setopt(easy->handle, CURLOPT_DEBUGDATA, easy);
  (void)curl_easy_setopt(easy->handle, CURLOPT_VERBOSE, 1L);
  easy->receiver->asks_version = true;
}

void receiver_unask_version(Easy *easy)
{
  if (!easy->receiver->asks_version)
    return;
  (void)curl_easy_setopt(easy->handle, CURLOPT_VERBOSE, 0L);
  (void)curl_easy_setopt(easy->handle, CURLOPT_DEBUGFUNCTION, NULL);
  (void)curl_easy_setopt(easy->handle, CURLOPT_DEBUGDATA, NULL);
}

/* ---- The end of sending ---- */

/* libcurl calls this whenever it has done something for the transfer. */
static int on_progress(void *data, curl_off_t total, curl_off_t now,
                       curl_off_t up_total, curl_off_t up)
{
  Easy *easy = data;
  Receiver *receiver = easy->receiver;
  (void)total;
  (void)now;
  (void)up_total;
  (void)up;
  if (receiver->tell_sent && receiver->connected && !error_is_sending(easy)) {
    receiver->tell_sent = false;
    receiver_tell(easy);
  }
  return 0;
}

void receiver_tell_sent(Easy *easy)
{
  /* Setting these cannot fail. */
  (void)curl_easy_setopt(easy->handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  (void)curl_easy_setopt(easy->handle, CURLOPT_XFERINFODATA, easy);
  (void)curl_easy_setopt(easy->handle, CURLOPT_NOPROGRESS, 0L);
  easy->receiver->tell_sent = easy->receiver->tells_sent = true;
}

void receiver_untell_sent(Easy *easy)
{
  if (!easy->receiver->tells_sent)
    return;
  (void)curl_easy_setopt(easy->handle, CURLOPT_NOPROGRESS, 1L);
  (void)curl_easy_setopt(easy->handle, CURLOPT_XFERINFOFUNCTION, NULL);
  (void)curl_easy_setopt(easy->handle, CURLOPT_XFERINFODATA, NULL);
}

/* ---- Life ---- */

void receiver_install(Easy *easy)
{
  CURL *handle = easy->handle;
  /* Setting a callback and its data cannot fail. */
  (void)curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, receiver_on_header);
  (void)curl_easy_setopt(handle, CURLOPT_HEADERDATA, easy);
  (void)curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_written);
  (void)curl_easy_setopt(handle, CURLOPT_WRITEDATA, easy);
  upload_install(easy);
  (void)curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, repeat_on_connected);
  (void)curl_easy_setopt(handle, CURLOPT_PREREQDATA, easy);
  (void)curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  (void)curl_easy_setopt(handle, CURLOPT_SOCKOPTFUNCTION, receiver_on_socket);
  (void)curl_easy_setopt(handle, CURLOPT_SOCKOPTDATA, easy);
  (void)curl_easy_setopt(handle, CURLOPT_RESOLVER_START_FUNCTION,
                         receiver_on_resolve);
  (void)curl_easy_setopt(handle, CURLOPT_RESOLVER_START_DATA, easy);
}

void receiver_begin(Easy *easy)
{
  if (quirk_folded_first_line())
    head_guard_begin(&easy->guard, easy->handle);
  if (easy->receiver->public_only)
    public_only_begin(easy);
}

void receiver_reset(Receiver *receiver)
{
  Receiver fresh;
  seldom_reset(receiver->seldom);
  coded_end(receiver);
  memset(&fresh, 0, sizeof fresh);
  fresh.head = receiver->head;
  fresh.body = receiver->body;
  fresh.seldom = receiver->seldom;
  fresh.high_water = receiver->high_water;
  fresh.max_headers = receiver->max_headers;
  fresh.max_body = receiver->max_body;
  fresh.first_byte_ms = receiver->first_byte_ms;
  fresh.pace.speed = receiver->pace.speed;
  fresh.asks = receiver->asks;
  fresh.proxied = receiver->proxied;
  fresh.single = receiver->single;
  fresh.public_only = receiver->public_only;
  fresh.auth_rounds = receiver->auth_rounds;
  fresh.undecoded = receiver->undecoded;
  fresh.upgrades = receiver->upgrades;
  fresh.expects = receiver->expects;
  fresh.tunnels = receiver->tunnels;
  fresh.decodes = receiver->decodes;
  fresh.transfer_codings = receiver->transfer_codings;
  fresh.message = receiver->message;
  fresh.serial = receiver->serial + 1;
  *receiver = fresh;
  buffer_clear(&receiver->head);
  buffer_clear(&receiver->body);
}

static bool attach(Easy *easy)
{
  if (easy->receiver == NULL) {
    easy->receiver = calloc(1, sizeof *easy->receiver);
    if (easy->receiver == NULL)
      return false;
    easy->receiver->seldom = &seldom_none;
  }
  receiver_reset(easy->receiver);
  memset(&easy->receiver->message, 0, sizeof easy->receiver->message);
  easy->receiver->high_water = HIGH_WATER;
  easy->receiver->max_headers = MAX_HEADERS;
  easy->receiver->max_body = 0;
  easy->receiver->first_byte_ms = 0;
  easy->receiver->pace.speed = 0;
  easy->receiver->asks = false;
  easy->receiver->proxied = easy->receiver->auth_rounds = false;
  easy->receiver->single = false;
  easy->receiver->public_only = false;
  easy->receiver->undecoded = easy->receiver->upgrades = false;
  easy->receiver->expects = easy->receiver->tunnels = false;
  easy->receiver->decodes = easy->receiver->transfer_codings = false;
  receiver_install(easy);
  return true;
}

bool receiver_attach(Easy *easy)
{
  if (!attach(easy))
    return false;
  keepalive_set(easy->handle);
  return true;
}

bool receiver_attach_like(Easy *easy, const Easy *model)
{
  if (!attach(easy))
    return false;
  easy->receiver->high_water = model->receiver->high_water;
  easy->receiver->max_headers = model->receiver->max_headers;
  easy->receiver->max_body = model->receiver->max_body;
  easy->receiver->first_byte_ms = model->receiver->first_byte_ms;
  easy->receiver->pace.speed = model->receiver->pace.speed;
  easy->receiver->proxied = model->receiver->proxied;
  easy->receiver->public_only = model->receiver->public_only;
  easy->receiver->auth_rounds = model->receiver->auth_rounds;
  easy->receiver->undecoded = model->receiver->undecoded;
  easy->receiver->upgrades = model->receiver->upgrades;
  easy->receiver->tunnels = model->receiver->tunnels;
  easy->receiver->decodes = model->receiver->decodes;
  easy->receiver->transfer_codings = model->receiver->transfer_codings;
  easy->buffer_size = model->buffer_size;
  return true;
}

void receiver_free(Receiver *receiver)
{
  if (receiver == NULL)
    return;
  seldom_free(receiver->seldom);
  coded_end(receiver);
  buffer_free(&receiver->head);
  buffer_free(&receiver->body);
  free(receiver);
}
