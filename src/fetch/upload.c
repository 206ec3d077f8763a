/* See upload.h. A request may have to be sent again: after a round of
   authentication, on a stream that the server refused (HTTP/2: REFUSED_STREAM,
   GOAWAY), on a kept connection that has died. What libcurl has taken of a body
   by then must come once more, from the first byte. So the beginning of every
   body is kept; of longer ones only those can be sent again that Lua can read
   again. No Lua runs here. */
#include "upload.h"

#include <string.h>

#include "quirks.h"
#include "receiver_private.h"
#include "seldom.h"

/* So much of a body is kept. */
#define KEPT_MOST (64 * 1024)

/* So much of an answer that nobody reads may be kept by libcurl: what the systems'
   buffers take otherwise. */
#define UNREAD_MOST (4 * 1024 * 1024)

size_t upload_waiting(const Receiver *receiver)
{
  return buffer_size(&receiver->seldom->feed) - receiver->seldom->kept;
}

bool upload_feed(Easy *easy, const char *bytes, size_t size)
{
  Seldom *own = seldom_own(easy->receiver);
  return own != NULL && buffer_append(&own->feed, bytes, size);
}

static void take(Receiver *receiver, size_t size)
{
  Seldom *own = receiver->seldom; /* it has fed bytes */
  own->kept += size;
  receiver->sent_bytes += (curl_off_t)size;
  if (receiver->begun || receiver->rewinds || own->kept > KEPT_MOST) {
    buffer_drop(&own->feed, own->kept);
    own->kept = 0;
    receiver->begun = true;
  }
}

/* Whether sending has to wait for somebody to read: quirks.h says why. */
static bool is_far_ahead(const Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  curl_off_t all = 0;
  if (!quirk_reads_when_paused() ||
      receiver_sends_on(receiver) == CURLPAUSE_CONT)
    return false;
  (void)curl_easy_getinfo(easy->handle, CURLINFO_SIZE_DOWNLOAD_T, &all);
  return all - receiver->received > UNREAD_MOST;
}

static size_t on_read(char *bytes, size_t one, size_t room, void *data)
{
  Easy *easy = data;
  Receiver *receiver = easy->receiver;
  size_t size = upload_waiting(receiver);
  (void)one;
  if (size > 0 && is_far_ahead(easy))
    return CURL_READFUNC_PAUSE; /* until receiving goes on */
  receiver_touch(easy);
  if (size > room)
    size = room;
  if (size > 0) {
    memcpy(bytes, buffer_head(&receiver->seldom->feed) + receiver->seldom->kept,
           size);
    take(receiver, size);
    if (receiver->chatty)
      receiver_tell(easy);
    return size;
  }
  if (receiver->fed_all) {
    receiver->sent = true;
    return 0;
  }
  receiver->upload_waiting = true;
  receiver_tell(easy);
  return CURL_READFUNC_PAUSE;
}

/* Back to the first byte, if that can be. Not for the sake of a second answer,
   when the first one was given to somebody. */
static bool rewind_body(Easy *easy)
{
  Receiver *receiver = easy->receiver;
  Seldom *own = receiver->seldom;
  if (receiver_answered(easy)) {
    receiver->restarted = true;
    return false;
  }
  if (receiver->begun && !receiver->rewinds) {
    receiver->body_gone = true;
    receiver->refused = !receiver->heard && repeat_was_refused(easy);
    return false;
  }
  if (receiver->begun) {
    /* Lua reads it again. */
    buffer_clear(&own->feed);
    receiver->begun = receiver->fed_all = false;
    receiver->rewound = receiver->upload_waiting = true;
    receiver_tell(easy);
  }
  if (own->kept > 0) /* else it may be seldom_none, which all share */
    own->kept = 0;
  receiver->sent = false;
  receiver->sent_bytes = 0;
  return true;
}

/* libcurl seeks elsewhere to resume an upload: then it skips by reading. */
static int on_seek(void *data, curl_off_t offset, int origin)
{
  if (offset != 0 || origin != SEEK_SET)
    return CURL_SEEKFUNC_CANTSEEK;
  return rewind_body(data) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

/* libcurl asks for the first byte when it has sent some; what it has read and
   could not send it would leave out. */
bool upload_begin(Easy *easy)
{
  return easy->receiver->sent_bytes == 0 || rewind_body(easy);
}

void upload_end(Easy *easy)
{
  easy->receiver->fed_all = true;
  easy->receiver->upload_waiting = false;
  if (quirk_h2_stalls_after_answer())
    (void)curl_easy_pause(easy->handle, CURLPAUSE_RECV);
  /* An error ends the transfer: its message tells. */
  (void)curl_easy_pause(easy->handle, receiver_sends_on(easy->receiver));
}

void upload_install(Easy *easy)
{
  CURL *handle = easy->handle;
  /* Setting a callback and its data cannot fail. */
  (void)curl_easy_setopt(handle, CURLOPT_READFUNCTION, on_read);
  (void)curl_easy_setopt(handle, CURLOPT_READDATA, easy);
  (void)curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, on_seek);
  (void)curl_easy_setopt(handle, CURLOPT_SEEKDATA, easy);
}
