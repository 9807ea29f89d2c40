// `coe profile` adds this for chats: --roles, --generate and its options, the counts of what was in
// the records, and the file of --save-text.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/cli/render/profile.h"
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
  // None without roles.
  std::optional<ChatCounts> counts() const;

 private:
  explicit ChatLog(const ChatOptions& options) : options_(options) {}
  bool is_on() const { return options_.roles || options_.generate; }
  Status add(const ChatSample& sample);

  ChatOptions options_;
  std::optional<AtomicFile> texts_;
  ChatCounts counts_;
};

}  // namespace coe::cli
