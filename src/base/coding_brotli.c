/* br, by the libbrotlidec that libcurl is linked to; the coding is not offered
   where there is none. So multisock is built without its headers, and what is
   declared here has not changed since brotli 1.0. Used by decoder.c. */
#include "coding.h"

#include <stdint.h>

typedef struct BrotliDecoderStateStruct BrotliDecoderState;

enum { BROTLI_ERROR, BROTLI_SUCCESS };

#pragma weak BrotliDecoderCreateInstance
#pragma weak BrotliDecoderDestroyInstance
#pragma weak BrotliDecoderDecompressStream
#pragma weak BrotliDecoderGetErrorCode
#pragma weak BrotliDecoderErrorString
BrotliDecoderState *BrotliDecoderCreateInstance(void *alloc, void *dealloc,
                                                void *opaque);
void BrotliDecoderDestroyInstance(BrotliDecoderState *state);
int BrotliDecoderDecompressStream(BrotliDecoderState *state, size_t *in_size,
                                  const uint8_t **in, size_t *room,
                                  uint8_t **out, size_t *total);
int BrotliDecoderGetErrorCode(const BrotliDecoderState *state);
const char *BrotliDecoderErrorString(int code);

/* Of BrotliDecoderErrorCode: those of memory, all of them. */
#define FIRST_OF_MEMORY (-21)
#define LAST_OF_MEMORY (-30)

static bool brotli_is_there(void)
{
  return BrotliDecoderCreateInstance && BrotliDecoderDestroyInstance &&
         BrotliDecoderDecompressStream && BrotliDecoderGetErrorCode &&
         BrotliDecoderErrorString;
}

/* Windows of more than 16 MiB, which are no part of the coding, stay refused:
   that is the library's default. */
static void *brotli_open(void)
{
  return BrotliDecoderCreateInstance(NULL, NULL, NULL);
}

static CodingResult brotli_run(void *state, CodingPiece *piece)
{
  const uint8_t *in = (const uint8_t *)piece->in;
  uint8_t *out = (uint8_t *)piece->out;
  int result = BrotliDecoderDecompressStream(state, &piece->in_size, &in,
                                             &piece->room, &out, NULL);
  int code;
  piece->in = (const char *)in;
  piece->out = (char *)out;
  if (result == BROTLI_SUCCESS)
    return CODING_ENDED;
  if (result != BROTLI_ERROR)
    return CODING_GOES_ON;
  code = BrotliDecoderGetErrorCode(state);
  if (code <= FIRST_OF_MEMORY && code >= LAST_OF_MEMORY)
    return CODING_NO_MEMORY;
  piece->message = BrotliDecoderErrorString(code);
  return CODING_CORRUPT;
}

static void brotli_close(void *state)
{
  BrotliDecoderDestroyInstance(state);
}

const Coding coding_br = { "br",       NULL, brotli_is_there, brotli_open,
                           brotli_run, NULL, brotli_close };
