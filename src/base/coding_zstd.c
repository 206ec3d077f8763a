/* zstd, by the libzstd that libcurl is linked to; the coding is not offered
   where there is none. So multisock is built without its headers, and what is
   declared here has not changed since zstd 1.4. Used by decoder.c. */
#include "coding.h"

typedef struct ZSTD_DCtx_s ZSTD_DCtx;

typedef struct ZstdIn {
  const void *bytes;
  size_t size, at;
} ZstdIn;

typedef struct ZstdOut {
  void *bytes;
  size_t size, at;
} ZstdOut;

#pragma weak ZSTD_createDCtx
#pragma weak ZSTD_freeDCtx
#pragma weak ZSTD_DCtx_setParameter
#pragma weak ZSTD_decompressStream
#pragma weak ZSTD_isError
#pragma weak ZSTD_getErrorCode
#pragma weak ZSTD_getErrorName
ZSTD_DCtx *ZSTD_createDCtx(void);
size_t ZSTD_freeDCtx(ZSTD_DCtx *state);
size_t ZSTD_DCtx_setParameter(ZSTD_DCtx *state, int name, int value);
size_t ZSTD_decompressStream(ZSTD_DCtx *state, ZstdOut *out, ZstdIn *in);
unsigned ZSTD_isError(size_t result);
int ZSTD_getErrorCode(size_t result);
const char *ZSTD_getErrorName(size_t result);

#define WINDOW_LOG_MAX 100 /* ZSTD_d_windowLogMax */
#define ERROR_MEMORY 64    /* ZSTD_error_memory_allocation */

/* Larger windows are no part of the coding (RFC 9659): 8 MiB. */
#define WINDOW_LOG 23

static bool zstd_is_there(void)
{
  return ZSTD_createDCtx && ZSTD_freeDCtx && ZSTD_DCtx_setParameter &&
         ZSTD_decompressStream && ZSTD_isError && ZSTD_getErrorCode &&
         ZSTD_getErrorName;
}

static void zstd_close(void *state)
{
  (void)ZSTD_freeDCtx(state); /* fails only inside a compressor */
}

static void *zstd_open(void)
{
  ZSTD_DCtx *state = ZSTD_createDCtx();
  if (state != NULL &&
      ZSTD_isError(ZSTD_DCtx_setParameter(state, WINDOW_LOG_MAX, WINDOW_LOG))) {
    zstd_close(state);
    state = NULL;
  }
  return state;
}

static CodingResult zstd_run(void *state, CodingPiece *piece)
{
  ZstdIn in = { piece->in, piece->in_size, 0 };
  ZstdOut out = { piece->out, piece->room, 0 };
  size_t result = ZSTD_decompressStream(state, &out, &in);
  piece->in += in.at;
  piece->in_size -= in.at;
  piece->out += out.at;
  piece->room -= out.at;
  if (result == 0)
    return CODING_ENDED;
  if (!ZSTD_isError(result))
    return CODING_GOES_ON;
  if (ZSTD_getErrorCode(result) == ERROR_MEMORY)
    return CODING_NO_MEMORY;
  piece->message = ZSTD_getErrorName(result);
  return CODING_CORRUPT;
}

/* Frames may follow each other; the next call begins one by itself. */
static bool zstd_again(void *state)
{
  (void)state;
  return true;
}

const Coding coding_zstd = { "zstd",   NULL,       zstd_is_there, zstd_open,
                             zstd_run, zstd_again, zstd_close };
