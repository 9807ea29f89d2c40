// college.toml: which specialists there are, and how they are served. The format:
// docs/formats/college.md.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// One that answers. It is a file, a parent under a mask, or a model at an address.
struct MemberSpec {
  std::string where;  // "college.toml:12: specialist `web`", for messages
  std::string name;
  std::string about;  // one line for people; may be empty
  Path model;         // a GGUF
  Path parent;        // a GGUF that is cut by `mask`
  Path mask;
  std::string address;       // an OpenAI-compatible server
  std::string remote_model;  // its name there
  std::string key_variable;  // the environment variable that holds the key for it
  std::vector<Path> text;    // what it is a specialist of; empty: it is never chosen by text
  std::string domain;        // of that text only this sub-domain; empty: all
};

// How the engine's servers run; 0 and empty: as they do by themselves.
struct ServingOptions {
  std::uint32_t n_ctx = 8192;
  std::uint32_t max_new_tokens = 16384;
  int n_threads = 0;
  int n_gpu_layers = -1;         // negative: as many as there is room for
  std::uint32_t n_parallel = 4;  // requests at once, which share the context
  bool think = false;            // on: the model decides, and requests may
};

struct CollegeSpec {
  std::string name = "college";  // the model that requests name to have one chosen
  std::string unsure;            // the member that answers where none is chosen; may be empty
  std::string merger;  // where unsure: makes one answer of the two likeliest's; may be empty
  Path dispatcher;     // of `coe dispatcher`; empty: learned from the members' text
  std::vector<MemberSpec> members;
  ServingOptions serving;
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  std::vector<std::string> hosts;  // further names that clients reach it by
  Path keys;                       // a file of API keys, one a line; empty: none needed
  std::uint64_t memory = 0;        // bytes that all loaded members may take; 0: what there is
  Path cache;                      // folder of cuts; empty: one in the user's cache
  std::uint64_t cache_bytes = std::uint64_t{64} << 30;
  Path log;  // JSON lines of requests; empty: none
  bool log_text = false;
};

// `file` names it in messages; its paths count from its folder. Errors: kCorrupt, with line and
// key.
Result<CollegeSpec> parse_college(std::string_view toml, const Path& file);
// Errors: those of read_text too.
Result<CollegeSpec> read_college(const Path& file);

// A college of one file: every request is for it.
CollegeSpec college_of(const Path& model);

// API keys of a file: lines, without blanks around; those that are empty or begin with '#' count
// for nothing. Errors: those of read_text; kCorrupt for a file that has none, and for a key with
// blanks or control characters inside.
Result<std::vector<std::string>> read_keys(const Path& file);

}  // namespace coe
