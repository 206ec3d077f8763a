/* What the fetch path has gathered of a transfer, and how it is to be gathered:
   for the rooms that look at it. fetch/receiver.h has what is done with it. */
#pragma once

#include "addresses.h"
#include "buffer.h"
#include "easy.h"
#include "framing.h"
#include "pace.h"
#include "sink.h"

struct Coded;

typedef enum Stage {
  STAGE_START,   /* no final header block yet */
  STAGE_STATUS,  /* behind a status line */
  STAGE_HEADERS, /* within a header block */
  STAGE_BODY,    /* the final block is complete */
  STAGE_TRAILERS
} Stage;

/* See tls_end.h. */
typedef enum TlsEnd { TLS_END_UNWATCHED, TLS_END_AWAITED, TLS_END_TOLD } TlsEnd;

/* See fetch/message.h: what the handle has of a message, or had last. */
typedef struct Message {
  const void *lines, *limits; /* kept alive by the handle's values */
  long connect_ms;            /* 0: none is set */
  bool shaped;                /* its method is another than GET */
  bool custom;                /* its method has a name */
  bool body;
  bool closes; /* it said that the connection ends */
  bool kept;   /* it went over a connection that had served before and is kept:
                  libcurl gets no timer for connecting the next time */
} Message;

/* What most transfers have no need of, see fetch/seldom.h. */
typedef struct Seldom {
  Buffer trailers;
  Buffer feed; /* upload bytes that libcurl did not take yet, after `kept` ones
                  that it did */
  size_t kept;
  Sink sink; /* when open, takes the body instead of `body` */
} Seldom;

typedef struct Receiver {
  Buffer head;           /* the last header block, raw */
  Buffer body;           /* bytes that nobody took yet */
  struct Coded *coded;   /* a body whose codings are undone, or NULL */
  Seldom *seldom;        /* never NULL; to be read only, see fetch/seldom.h */
  curl_off_t received;   /* bytes so far, as they came */
  curl_off_t max_body;   /* bytes; 0: none */
  curl_off_t sent_bytes; /* upload bytes that libcurl took */
  Pace pace;
  Message message;
  size_t high_water; /* pause above this many bytes in `body` */
  size_t max_headers;
  Framing framing;        /* what its answer says of its length */
  size_t head_bytes;      /* of all header blocks so far */
  int folds;              /* lines that continue others, likewise */
  unsigned serial;        /* counts its transfers: a guard is for one */
  uint64_t active_ms;     /* uv_hrtime's clock at the last sign of life */
  uint64_t first_byte_ms; /* how long after that the answer has to begin; 0:
                              it may take for ever */
  uint64_t idle_ms;       /* of a body that is wanted whole, likewise */
  long connect_ms;        /* how long it may take to be connected; 0: no
                              message has set it */
  int status;
  Stage stage;
  TlsEnd tls_end;
  bool connected;        /* the connection is there: sending begins */
  bool buffering;        /* wanted whole: no pause, not ready per chunk */
  bool no_pause;         /* HTTP/2 before 8.4 loses data when paused */
  bool undecoded;        /* large pieces are welcome, see start.c */
  bool decodes;          /* undoes the codings of bodies */
  bool transfer_codings; /* the user has asked for those */
  bool codings;          /* this header block tells of some */
  bool chatty;           /* ready for every piece, for progress */
  bool paused;           /* the write callback has paused it */
  bool early;            /* has paused it because it came too fast */
  bool uploads;          /* the request has a body */
  bool watched;          /* it may be answered whole before that has gone */
  bool sending;          /* has an upload that is fed */
  bool sent;             /* the upload was read to its end */
  bool upload_waiting;   /* libcurl waits for more to send */
  bool fed_all;          /* no more will come */
  bool begun;            /* the beginning of the upload is not kept */
  bool rewinds;          /* Lua can read the upload again */
  bool rewound;          /* it has to */
  bool body_gone;        /* it was to be sent again, and could not be */
  bool refused;          /* then: the server has not looked at it */
  bool auth_rounds;      /* a 401 or 407 may be followed by another */
  bool expects;          /* the request asks with Expect: 100-continue */
  bool tunnels;          /* the proxy is one of HTTP: it may be asked CONNECT */
  bool upgrades;         /* 101 is an answer: the request asks for it */
  bool switched;         /* it was 101: see fetch/switched.h */
  bool hung_up;          /* since then: the other end sends no more */
  bool lied;             /* it named a version that was not spoken */
  bool tell_connected;   /* connecting is ready */
  bool tell_sent;        /* so is the end of sending: for who listens */
  bool tells_sent;       /* see receiver_tell_sent */
  bool heats;            /* connecting makes its multi warm, see multi.h */
  bool asks_version;     /* see receiver_ask_version */
  char version;          /* '1' '2' '3', of what was sent; 0: not known */
  char major;            /* the same of its answer; 0: none of HTTP is there */
  bool asks;             /* may not look a name up before it has asked */
  bool denied;           /* wanted to */
  bool only_lookup;      /* ends as soon as the name is looked up */
  bool late;             /* that has passed */
  bool overdue;          /* the limit of the whole has, or that of silence */
  bool abandoned;        /* its response was collected unread */
  bool restarted;        /* another answer began after part of the body */
  bool demanded_http1;   /* the server wants no HTTP/2: receiver_connect.c */
  bool proxied;          /* the connection may be one to a proxy */
  bool single;           /* its host has one address of a family: a number */
  bool public_only;      /* see public_only.h */
  bool reached_out;      /* then: a socket was opened, to a public address */
  bool once;             /* must not be sent twice unasked */
  bool multiplexed;      /* its host was seen to speak HTTP/2 or 3 */
  bool heard;            /* an answer has begun since `tried_at` */
  bool unfit;            /* this try is on a connection that is shut down */
  bool tried_kept;       /* it is on one that had been there before */
  bool reconnects;       /* which has gone: another one is being made */
  bool repeated;         /* the request was sent again, once */
  bool died;             /* it was not, as that is not allowed */
  int tries;             /* earlier ones of which bytes were sent */
  long tried_at;         /* bytes that had been sent when this one began */
  Address refused_address; /* what public_only has refused last */
  const char *excess;      /* "body", "headers": which cap was passed */
  const char *invalid;     /* why its answer is none, or NULL */
} Receiver;

/* What curl_easy_pause is told so that sending goes on, and receiving if it did. */
static inline int receiver_sends_on(const Receiver *receiver)
{
  return receiver->paused || receiver->early ? CURLPAUSE_RECV : CURLPAUSE_CONT;
}
