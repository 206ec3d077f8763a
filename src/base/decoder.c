/* See decoder.h. A chain of codings is a chain of stages: each takes what the
   one before has made, and all but the last have a buffer for that. */
#include "decoder.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What lies between two stages. */
#define BETWEEN (16 * 1024)

/* A stage is given so much at once. */
#define STEP_IN (4 * 1024)
#define STEP_OUT (64 * 1024)

/* What it costs to read a byte, in bytes written: the worst input describes a
   new code for each few bytes that come out. */
#define READING 16

typedef struct Stage {
  const Coding *coding;
  void *state;
  bool ended;        /* its stream has, and nothing came after */
  char *made;        /* for the next stage; NULL in the last one */
  size_t start, end; /* what of that was not taken yet */
} Stage;

struct Decoder {
  int count;
  Stage stages[DECODER_MOST]; /* in the order in which they run */
};

/* ---- Names ---- */

static const Coding *const codings[] = { &coding_gzip, &coding_deflate,
                                         &coding_br, &coding_zstd };

#define CODINGS ((int)(sizeof codings / sizeof *codings))

static bool is_there(const Coding *coding)
{
  return coding->is_there == NULL || coding->is_there();
}

const char *decoder_coding(int i)
{
  int k;
  for (k = 0; k < CODINGS; k++)
    if (is_there(codings[k]) && i-- == 0)
      return codings[k]->name;
  return NULL;
}

static bool is_named(const char *name, const char *text, size_t size)
{
  return name != NULL && strlen(name) == size &&
         strncasecmp(name, text, size) == 0;
}

static bool list_add_one(CodingList *list, const char *name, size_t size)
{
  int k;
  if (list->named++ == DECODER_MOST)
    return false;
  if (is_named("identity", name, size))
    return true;
  for (k = 0; k < CODINGS; k++)
    if (is_there(codings[k]) && (is_named(codings[k]->name, name, size) ||
                                 is_named(codings[k]->alias, name, size))) {
      list->codings[list->count++] = codings[k];
      return true;
    }
  list->unknown = true;
  return true;
}

static bool is_separator(char c)
{
  return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool coding_list_add(CodingList *list, const char *value, size_t size)
{
  size_t at = 0;
  while (at < size) {
    size_t start;
    while (at < size && is_separator(value[at]))
      at++;
    start = at;
    while (at < size && !is_separator(value[at]))
      at++;
    if (at > start && !list_add_one(list, value + start, at - start))
      return false;
  }
  return true;
}

/* ---- Life ---- */

void decoder_free(Decoder *decoder)
{
  int i;
  if (decoder == NULL)
    return;
  for (i = 0; i < decoder->count; i++) {
    if (decoder->stages[i].state != NULL)
      decoder->stages[i].coding->close(decoder->stages[i].state);
    free(decoder->stages[i].made);
  }
  free(decoder);
}

Decoder *decoder_new(const CodingList *list)
{
  Decoder *decoder = calloc(1, sizeof *decoder);
  if (decoder == NULL)
    return NULL;
  for (; decoder->count < list->count; decoder->count++) {
    Stage *stage = &decoder->stages[decoder->count];
    bool is_last = decoder->count == list->count - 1;
    /* What was applied last is undone first. */
    stage->coding = list->codings[list->count - 1 - decoder->count];
    stage->state = stage->coding->open();
    stage->made = is_last ? NULL : malloc(BETWEEN);
    if (stage->state == NULL || (stage->made == NULL && !is_last)) {
      decoder->count++;
      decoder_free(decoder);
      return NULL;
    }
  }
  return decoder;
}

bool decoder_has_ended(const Decoder *decoder)
{
  int i;
  for (i = 0; i < decoder->count; i++)
    if (!decoder->stages[i].ended ||
        decoder->stages[i].start < decoder->stages[i].end)
      return false;
  return true;
}

/* ---- Work ---- */

static CodingResult stage_run(Stage *stage, CodingPiece *piece)
{
  CodingResult result;
  if (stage->ended) {
    if (piece->in_size == 0)
      return CODING_GOES_ON;
    piece->message = "there are bytes after its end";
    if (stage->coding->again == NULL || !stage->coding->again(stage->state))
      return CODING_CORRUPT;
    piece->message = NULL;
    stage->ended = false;
  }
  result = stage->coding->run(stage->state, piece);
  stage->ended = result == CODING_ENDED;
  return result;
}

static size_t least(size_t a, size_t b)
{
  return a < b ? a : b;
}

/* One step of stage `i`. Adds what it has cost to `cost`: nothing when nothing
   could be done. */
static CodingResult step(Decoder *decoder, int i, CodingPiece *outer,
                         size_t *cost)
{
  Stage *stage = &decoder->stages[i];
  Stage *before = i > 0 ? stage - 1 : NULL;
  CodingResult result;
  CodingPiece piece;
  size_t in_size, room;
  if (stage->made != NULL && stage->start < stage->end)
    return CODING_GOES_ON; /* the next one is not done with it */
  piece.in = before != NULL ? before->made + before->start : outer->in;
  piece.in_size = in_size =
      least(STEP_IN,
            before != NULL ? before->end - before->start : outer->in_size);
  piece.out = stage->made != NULL ? stage->made : outer->out;
  piece.room = room =
      stage->made != NULL ? BETWEEN : least(STEP_OUT, outer->room);
  piece.message = NULL;
  result = stage_run(stage, &piece);
  outer->message = piece.message;
  in_size -= piece.in_size;
  room -= piece.room;
  if (before != NULL)
    before->start += in_size;
  else {
    outer->in += in_size;
    outer->in_size -= in_size;
  }
  if (stage->made != NULL) {
    stage->start = 0;
    stage->end = room;
  }
  else {
    outer->out += room;
    outer->room -= room;
  }
  *cost += READING * in_size + room;
  return result;
}

DecoderResult decoder_run(Decoder *decoder, CodingPiece *piece, size_t work)
{
  size_t done = 0;
  while (piece->room > 0 && done < work) {
    size_t before = done;
    int i;
    for (i = decoder->count - 1; i >= 0; i--) {
      CodingResult result = step(decoder, i, piece, &done);
      if (result == CODING_CORRUPT)
        return DECODER_CORRUPT;
      if (result == CODING_NO_MEMORY)
        return DECODER_NO_MEMORY;
    }
    if (done == before)
      return DECODER_WAITS;
  }
  return DECODER_BUSY;
}
