/* The command line of the C clients. See common.h. */
#include "common.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

void require(bool ok, const char *what)
{
  if (ok)
    return;
  fprintf(stderr, "%s failed\n", what);
  exit(1);
}

static void usage(const char *program)
{
  fprintf(stderr,
          "usage: %s --url URL --connections C --seconds S\n"
          "       %s --url URL --connections C --requests N [--samples K]\n"
          "       %s --url URL --inflight M [--numbered]\n"
          "options: --insecure --http2 --length BYTES --shards N --bare\n"
          "         --buffer BYTES --host-connections N --stream --save FILE\n"
          "         --ca FILE --fresh --kind NAME\n",
          program, program, program);
  exit(2);
}

static double number_read(const char *text, double least, const char *program)
{
  char *end;
  double value = strtod(text, &end);

  if (end == text || *end || !(value >= least)) {
    fprintf(stderr, "%s: not a usable number: %s\n", program, text);
    usage(program);
  }
  return value;
}

static const struct option names[] = {
  { "url", required_argument, NULL, 'u' },
  { "connections", required_argument, NULL, 'c' },
  { "seconds", required_argument, NULL, 's' },
  { "requests", required_argument, NULL, 'r' },
  { "samples", required_argument, NULL, 'a' },
  { "inflight", required_argument, NULL, 'm' },
  { "length", required_argument, NULL, 'l' },
  { "shards", required_argument, NULL, 'n' },
  { "buffer", required_argument, NULL, 'b' },
  { "host-connections", required_argument, NULL, 'h' },
  { "save", required_argument, NULL, 'f' },
  { "ca", required_argument, NULL, 'A' },
  { "kind", required_argument, NULL, 'K' },
  { "insecure", no_argument, NULL, 'k' },
  { "fresh", no_argument, NULL, 'F' },
  { "http2", no_argument, NULL, '2' },
  { "bare", no_argument, NULL, 'e' },
  { "stream", no_argument, NULL, 't' },
  { "numbered", no_argument, NULL, 'i' },
  { NULL, 0, NULL, 0 }
};

static void option_take(struct options *options, int name, const char *program)
{
  switch (name) {
  case 'u': options->url = optarg; break;
  case 'f': options->save = optarg; break;
  case 'c': options->connections = number_read(optarg, 1, program); break;
  case 's': options->seconds = number_read(optarg, 0.001, program); break;
  case 'r': options->requests = number_read(optarg, 1, program); break;
  case 'a': options->samples = number_read(optarg, 1, program); break;
  case 'm': options->inflight = number_read(optarg, 1, program); break;
  case 'l': options->length = number_read(optarg, 0, program); break;
  case 'n': options->shards = number_read(optarg, 1, program); break;
  case 'b': options->buffer = number_read(optarg, 1024, program); break;
  case 'h': options->host_connections = number_read(optarg, 1, program); break;
  case 'A': options->ca = optarg; break;
  case 'K': options->kind = kind_find(optarg); break;
  case 'F': options->fresh = true; break;
  case 'k': options->insecure = true; break;
  case '2': options->http2 = true; break;
  case 'e': options->bare = true; break;
  case 't': options->stream = true; break;
  case 'i': options->numbered = true; break;
  default: usage(program);
  }
}

/* Lives as long as the process. */
static const char *url_with(const char *url, const char *suffix)
{
  static char text[1024];
  int length = snprintf(text, sizeof(text), "%s%s", url, suffix);

  require(length < (int)sizeof(text), "making a URL: too long");
  return text;
}

void options_read(struct options *options, int argc, char **argv)
{
  int name;

  *options = (struct options){ .length = -1, .kind = kind_find("plain") };
  while ((name = getopt_long(argc, argv, "", names, NULL)) != -1)
    option_take(options, name, *argv);

  bool closed_loop =
      options->connections && (options->seconds > 0) != (options->requests > 0);
  bool at_once = options->inflight && !options->connections &&
                 !options->requests && options->seconds == 0;
  if (optind != argc || !options->url || closed_loop == at_once ||
      !options->kind)
    usage(*argv);
  if (options->numbered && !at_once)
    usage(*argv);
  if (options->samples && !options->requests)
    usage(*argv);
  if (options->kind->suffix)
    options->url = url_with(options->url, options->kind->suffix);
  /* One file: two requests at once would write into each other. */
  if (options->save && (options->connections != 1 || !options->requests))
    usage(*argv);
}
