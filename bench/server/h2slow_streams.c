/* The requests of h2slow: each waits until it is due. See h2slow.h. */
#include "h2slow.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct stream {
  struct connection *connection;
  int32_t id;
  bool waiting;
  char text[24]; /* what the body repeats */
  size_t text_length, sent;
  uint64_t due;
  struct stream *previous, *next;
};

struct counts counts;

/* The delay is the same for all, so a queue in order of arrival is also one
 * in order of time. */
static struct stream *first, *last;
static bool released; /* the hold is over until nobody waits any more */

static uint64_t now_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void queue_append(struct stream *stream)
{
  stream->due = now_ns() + (uint64_t)settings.delay_ms * 1000000u;
  stream->waiting = true;
  stream->previous = last;
  if (last)
    last->next = stream;
  else
    first = stream;
  last = stream;
  counts.requests++;
  if (++counts.waiting > counts.peak)
    counts.peak = counts.waiting;
  if (settings.hold && counts.waiting >= settings.hold)
    released = true;
}

static void queue_remove(struct stream *stream)
{
  if (stream->previous)
    stream->previous->next = stream->next;
  else
    first = stream->next;
  if (stream->next)
    stream->next->previous = stream->previous;
  else
    last = stream->previous;
  stream->previous = stream->next = NULL;
  stream->waiting = false;
  if (--counts.waiting == 0)
    released = false;
}

static int on_begin_headers(nghttp2_session *session,
                            const nghttp2_frame *frame, void *userp)
{
  if (frame->hd.type != NGHTTP2_HEADERS ||
      frame->headers.cat != NGHTTP2_HCAT_REQUEST)
    return 0;
  struct stream *stream = calloc(1, sizeof(*stream));

  require(stream != NULL, "calloc");
  stream->connection = userp;
  stream->id = frame->hd.stream_id;
  stream->text[0] = 'x';
  stream->text_length = 1;
  return nghttp2_session_set_stream_user_data(session, stream->id, stream);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_length,
                     const uint8_t *value, size_t length, uint8_t flags,
                     void *userp)
{
  struct stream *stream =
      nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

  (void)flags;
  (void)userp;
  if (!stream || name_length != 5 || memcmp(name, ":path", 5) != 0)
    return 0;
  if (length < 2 || length > sizeof(stream->text))
    return 0;
  for (size_t i = 1; i < length; i++)
    if (value[i] < '0' || value[i] > '9')
      return 0;
  memcpy(stream->text, value + 1, length - 1);
  stream->text[length - 1] = '\n';
  stream->text_length = length;
  return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame,
                    void *userp)
{
  (void)userp;
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
    return 0;
  if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
    return 0;
  struct stream *stream =
      nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
  if (stream && !stream->waiting)
    queue_append(stream);
  return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id,
                           uint32_t error_code, void *userp)
{
  struct stream *stream = nghttp2_session_get_stream_user_data(session, id);

  (void)error_code;
  (void)userp;
  if (!stream)
    return 0;
  if (stream->waiting)
    queue_remove(stream);
  free(stream);
  return 0;
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *buffer,
                       size_t length, uint32_t *flags,
                       nghttp2_data_source *source, void *userp)
{
  struct stream *stream = source->ptr;
  size_t left = (size_t)settings.body - stream->sent;

  (void)session;
  (void)id;
  (void)userp;
  if (length > left)
    length = left;
  for (size_t i = 0; i < length; i++)
    buffer[i] = (uint8_t)stream->text[(stream->sent + i) % stream->text_length];
  stream->sent += length;
  if (stream->sent == (size_t)settings.body)
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  return (ssize_t)length;
}

static void stream_answer(struct stream *stream)
{
  static char length[24];
  nghttp2_data_provider provider = { .source.ptr = stream,
                                     .read_callback = on_read };
  nghttp2_nv headers[] = {
    { (uint8_t *)":status", (uint8_t *)"200", 7, 3, 0 },
    { (uint8_t *)"content-type", (uint8_t *)"text/plain", 12, 10, 0 },
    { (uint8_t *)"content-length", (uint8_t *)length, 14, 0, 0 }
  };

  headers[2].valuelen =
      (size_t)snprintf(length, sizeof(length), "%ld", settings.body);
  queue_remove(stream);
  require(!nghttp2_submit_response(connection_session(stream->connection),
                                   stream->id, headers, 3, &provider),
          "nghttp2_submit_response");
  connection_mark(stream->connection);
}

int streams_serve(void)
{
  uint64_t now = now_ns();

  if (settings.hold && !released)
    return -1;
  while (first && first->due <= now)
    stream_answer(first);
  return first ? (int)((first->due - now + 999999) / 1000000) : -1;
}

/* nghttp2 does not tell of the streams that were still open. */
void streams_drop(const struct connection *connection)
{
  for (struct stream *stream = first, *next; stream; stream = next) {
    next = stream->next;
    if (stream->connection == connection) {
      queue_remove(stream);
      free(stream);
    }
  }
}

nghttp2_session_callbacks *streams_callbacks(void)
{
  nghttp2_session_callbacks *callbacks;

  require(!nghttp2_session_callbacks_new(&callbacks), "nghttp2");
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
                                                          on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                         on_stream_close);
  return callbacks;
}
