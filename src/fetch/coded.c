/* See coded.h. */
#include "coded.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "receiver.h"

/* Decoded in one slice at most. */
#define SLICE (256 * 1024)

/* Between two looks at the clock. */
#define STEP_ROOM (64 * 1024)
#define STEP_WORK (64 * 1024)

/* ---- The header block ---- */

typedef struct Field {
  const char *name, *value;
  size_t name_size, value_size; /* value: with the lines folded into it */
} Field;

/* The next field behind `*at`; false at the end. The status line is one whose
   name is no header's. */
static bool next_field(const char **at, const char *end, Field *field)
{
  const char *line = *at;
  const char *stop = line;
  const char *colon;
  if (line == end)
    return false;
  do {
    stop = memchr(stop, '\n', (size_t)(end - stop));
    stop = stop != NULL ? stop + 1 : end;
  } while (stop < end && (*stop == ' ' || *stop == '\t'));
  *at = stop;
  colon = memchr(line, ':', (size_t)(stop - line));
  field->name = line;
  field->name_size = colon != NULL ? (size_t)(colon - line) : 0;
  while (field->name_size > 0 && (line[field->name_size - 1] == ' ' ||
                                  line[field->name_size - 1] == '\t'))
    field->name_size--;
  field->value = colon != NULL ? colon + 1 : stop;
  field->value_size = (size_t)(stop - field->value);
  return true;
}

static bool is_field(const Field *field, const char *name)
{
  return field->name_size == strlen(name) &&
         strncasecmp(field->name, name, field->name_size) == 0;
}

static bool is_separator(char c)
{
  return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether a list has nothing but chunks. */
static bool is_only_chunked(const Field *field)
{
  const char *at = field->value, *end = at + field->value_size;
  while (at < end) {
    const char *start;
    while (at < end && is_separator(*at))
      at++;
    start = at;
    while (at < end && !is_separator(*at))
      at++;
    if (at > start &&
        !(at - start == 7 && strncasecmp(start, "chunked", 7) == 0) &&
        !(at - start == 8 && strncasecmp(start, "identity", 8) == 0))
      return false;
  }
  return true;
}

static const char *head_start(const Receiver *receiver, const char **end)
{
  const char *start = buffer_head(&receiver->head);
  *end = start + buffer_size(&receiver->head);
  return start;
}

const char *coded_begin(Receiver *receiver)
{
  const char *end;
  const char *at = head_start(receiver, &end);
  CodingList list;
  Field field;
  memset(&list, 0, sizeof list);
  while (next_field(&at, end, &field)) {
    /* libcurl undoes codings of the transfer unasked, and does not notice when
       they are cut off. */
    if (!receiver->transfer_codings && is_field(&field, "Transfer-Encoding") &&
        !is_only_chunked(&field))
      return "the answer has a transfer coding that nobody asked for";
    if (receiver->decodes && is_field(&field, "Content-Encoding") &&
        !coding_list_add(&list, field.value, field.value_size))
      return "the answer has more than 5 content codings";
  }
  if (list.count == 0 || list.unknown)
    return NULL;
  receiver->coded = calloc(1, sizeof *receiver->coded);
  if (receiver->coded == NULL)
    return "not enough memory";
  receiver->coded->list = list;
  return NULL;
}

bool coded_is_open_ended(const Receiver *receiver)
{
  const char *end;
  const char *at = head_start(receiver, &end);
  Field field;
  if (end - at < 7 || memcmp(at, "HTTP/1.", 7) != 0 ||
      receiver->status == 204 || receiver->status == 304)
    return false;
  while (next_field(&at, end, &field))
    if (is_field(&field, "Content-Length") ||
        is_field(&field, "Transfer-Encoding"))
      return false;
  return true;
}

/* ---- Decoding ---- */

/* Room for what comes next. A small body is to need a small block. */
static size_t make_room(Coded *coded, const Buffer *raw, size_t most)
{
  size_t room = 6 * buffer_size(raw) + 1024;
  if (coded->plain.capacity > room)
    room = coded->plain.capacity;
  if (room > STEP_ROOM)
    room = STEP_ROOM;
  if (room > most)
    room = most;
  return buffer_reserve(&coded->plain, room) ? room : 0;
}

/* Returns how many bytes came out. */
static size_t step(Coded *coded, Buffer *raw, size_t most)
{
  size_t room = make_room(coded, raw, most);
  CodingPiece piece;
  if (room == 0) {
    coded->result = DECODER_NO_MEMORY;
    return 0;
  }
  piece.in = buffer_head(raw);
  piece.in_size = buffer_size(raw);
  piece.out = coded->plain.bytes + coded->plain.end;
  piece.room = room;
  piece.message = NULL;
  coded->result = decoder_run(coded->decoder, &piece, STEP_WORK);
  coded->message = piece.message;
  buffer_drop(raw, buffer_size(raw) - piece.in_size);
  room -= piece.room;
  coded->plain.end += room;
  coded->made += (curl_off_t)room;
  return room;
}

bool coded_work(Receiver *receiver, unsigned us)
{
  Coded *coded = receiver->coded;
  uint64_t until = uv_hrtime() + us * (uint64_t)1000;
  size_t most = receiver->high_water < SLICE ? receiver->high_water : SLICE;
  size_t made = 0;
  if (buffer_size(&receiver->body) == 0 && coded->result == DECODER_WAITS)
    return false;
  if (coded->decoder == NULL)
    coded->decoder = decoder_new(&coded->list);
  if (coded->decoder == NULL)
    coded->result = DECODER_NO_MEMORY;
  else
    do
      made += step(coded, &receiver->body, most - made);
    while (coded->result == DECODER_BUSY && made < most && uv_hrtime() < until);
  return coded->result == DECODER_BUSY;
}

bool coded_ends_well(const Receiver *receiver)
{
  const Coded *coded = receiver->coded;
  return buffer_size(&receiver->body) == 0 && coded->result == DECODER_WAITS &&
         (coded->decoder != NULL ? decoder_has_ended(coded->decoder)
                                 : receiver->received == 0);
}

void coded_end(Receiver *receiver)
{
  Coded *coded = receiver->coded;
  if (coded == NULL)
    return;
  receiver->coded = NULL;
  decoder_free(coded->decoder);
  buffer_free(&coded->plain);
  free(coded);
}
