// `coe profile` adds this for chats: --roles, --generate and its options, what is said of the
// records, and the file of --save-text.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/cli/session.h"
#include "coe/profile/profile.h"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace coe::cli {

struct ChatOptions {
  bool roles = false;
  std::optional<std::uint32_t> closing_window;
  bool generate = false;
  GenerateOptions generation;
  std::string think = "on";
  Path save_text;
};
void add_chat_options(CLI::App& verb, ChatOptions& options);

// Follows a run with roles; must outlive it. Without roles it does nothing.
class ChatLog {
 public:
  // Errors: kInvalidArgument for options that need others, those of AtomicFile::create.
  static Result<ChatLog> create(const ChatOptions& options, Overwrite overwrite);
  // Sets the options of the run, with a hook to this log.
  void attach(ProfileOptions& options);
  // Puts the texts under their final name.
  Status commit();

  // Records of a profile: with roles a record is a sample of several sub-domains, of `…/prompt` in
  // any case.
  std::int64_t n_sample(const RoutingStats& stats) const;
  void add_to(Json& document) const;
  std::string text() const;

 private:
  explicit ChatLog(const ChatOptions& options) : options_(options) {}
  bool is_on() const { return options_.roles || options_.generate; }
  Status add(const ChatSample& sample);

  ChatOptions options_;
  std::optional<AtomicFile> texts_;
  std::uint64_t n_record_ = 0;
  std::uint64_t n_turn_ = 0;
  std::uint64_t n_thinking_ = 0;
  std::uint64_t n_thinking_open_ = 0;
  std::uint64_t n_answer_empty_ = 0;
  std::uint64_t n_cut_ = 0;  // answers that were generated and did not end
  std::uint64_t n_new_ = 0;  // tokens generated
};

}  // namespace coe::cli
