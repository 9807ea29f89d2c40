#include "coe/corpus/chat_export.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coe {
namespace {

using Json = nlohmann::json;

constexpr const char* kTools = "tool messages";
constexpr const char* kThoughts = "thoughts";
constexpr const char* kFiles = "attachments";
constexpr const char* kHidden = "hidden messages";
constexpr const char* kBranches = "messages of other branches";
constexpr const char* kOthers = "messages of other kinds";

// Null where `object` is none, or has no such member.
const Json& member(const Json& object, const char* name) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(name);
  return found == object.end() ? none : *found;
}

std::string_view text_at(const Json& object, const char* name) {
  const Json& value = member(object, name);
  return value.is_string() ? std::string_view(value.get_ref<const std::string&>())
                           : std::string_view();
}

tl::unexpected<Error> bad(std::string what) {
  return fail(Code::kCorrupt, std::move(what), "export the chats again");
}

// Adds words to a text, with a blank line between.
void join(std::string& text, std::string_view more) {
  if (!text.empty() && !more.empty()) text += "\n\n";
  text += more;
}

void say(RecordChat& chat, std::string_view role, std::string_view words) {
  words = trimmed(words);
  if (words.empty()) return;
  if (chat.turns.empty() && role == "assistant") {  // it answers nobody
    ++chat.left_out[kOthers];
    return;
  }
  if (chat.turns.empty() || chat.turns.back().role != role)
    chat.turns.push_back({std::string(role), {}});
  join(chat.turns.back().content, words);
}

Result<RecordChat> finish(RecordChat chat) {
  if (!chat.turns.empty()) return chat;
  return fail(Code::kNotFound, "nobody says anything in this chat",
              "leave such records out with a filter");
}

// The program's own marks (citations, cards) stand between these characters, U+E200 and U+E201,
// which are for private use.
std::string without_marks(std::string_view text) {
  constexpr std::string_view kOpen = "\xee\x88\x80";
  constexpr std::string_view kClose = "\xee\x88\x81";
  std::string out;
  while (true) {
    const auto open = text.find(kOpen);
    out += text.substr(0, open);
    if (open == std::string_view::npos) return out;
    const auto close = text.find(kClose, open);
    if (close == std::string_view::npos) return out;
    text.remove_prefix(close + kClose.size());
  }
}

// Walks from a leaf to the root. `parent_of` gives a node's parent, or null where it is the root.
template <class NodeOf, class ParentOf>
Result<std::vector<const Json*>> path_to(std::string_view leaf, NodeOf node_of,
                                         ParentOf parent_of) {
  std::vector<const Json*> path;
  std::unordered_set<std::string_view> seen;
  for (std::string_view id = leaf; !id.empty();) {
    if (!seen.insert(id).second)
      return bad(fmt::format("its messages go in a circle at `{}`", printable(id, 40)));
    const Json* node = node_of(id);
    if (node == nullptr) break;  // a parent that is no message is above the root
    path.push_back(node);
    id = parent_of(*node);
  }
  std::ranges::reverse(path);
  return path;
}

// Adds what a message of ChatGPT says.
void add_chatgpt(const Json& message, RecordChat& chat) {
  const std::string_view role = text_at(member(message, "author"), "role");
  const Json& content = member(message, "content");
  const std::string_view type = text_at(content, "content_type");
  std::string words;
  std::size_t n_file = 0;
  if (const Json& parts = member(content, "parts"); parts.is_array()) {
    for (const auto& part : parts) {
      if (part.is_string())
        join(words, part.get_ref<const std::string&>());
      else if (text_at(part, "content_type") == "audio_transcription")
        join(words, text_at(part, "text"));
      else
        ++n_file;
    }
  } else {
    words = text_at(content, "text");
  }
  const Json& hidden = member(member(message, "metadata"), "is_visually_hidden_from_conversation");
  const std::string_view recipient = text_at(message, "recipient");
  if (role == "system" || (hidden.is_boolean() && hidden.get<bool>()) ||
      type == "user_editable_context" || type == "model_editable_context") {
    if (role != "system" || !trimmed(words).empty()) ++chat.left_out[kHidden];
  } else if (role == "tool" || (!recipient.empty() && recipient != "all")) {
    ++chat.left_out[kTools];
  } else if (type == "thoughts" || type == "reasoning_recap") {
    ++chat.left_out[kThoughts];
  } else if ((type == "text" || type == "multimodal_text") &&
             (role == "user" || role == "assistant")) {
    if (n_file > 0) chat.left_out[kFiles] += n_file;
    say(chat, role, without_marks(words));
  } else {
    ++chat.left_out[kOthers];
  }
}

// The words of a message of Claude; what else it has is counted.
std::string claude_words(const Json& message, RecordChat& chat) {
  for (const char* name : {"attachments", "files"}) {
    const Json& files = member(message, name);
    if (files.is_array() && !files.empty()) chat.left_out[kFiles] += files.size();
  }
  std::string words;
  const Json& blocks = member(message, "content");
  if (!blocks.is_array() || blocks.empty()) return std::string(text_at(message, "text"));
  for (const auto& block : blocks) {
    const std::string_view type = text_at(block, "type");
    if (type == "text")
      join(words, text_at(block, "text"));
    else if (type == "thinking")
      ++chat.left_out[kThoughts];
    else if (type == "tool_use" || type == "tool_result")
      ++chat.left_out[kTools];
    else
      ++chat.left_out[kOthers];
  }
  return words;
}

}  // namespace

Result<RecordChat> chat_of_chatgpt(const Json& conversation) {
  const Json& mapping = member(conversation, "mapping");
  if (!mapping.is_object()) return bad("`mapping` is no object");
  const std::string_view leaf = text_at(conversation, "current_node");
  if (leaf.empty() && !mapping.empty())
    return bad("there is no `current_node`, which says where the chat ends");
  COE_TRY(const auto path, path_to(
                               leaf,
                               [&](std::string_view id) -> const Json* {
                                 const auto found = mapping.find(std::string(id));
                                 return found == mapping.end() ? nullptr : &*found;
                               },
                               [](const Json& node) { return text_at(node, "parent"); }));
  RecordChat chat;
  for (const Json* node : path) {
    const Json& message = member(*node, "message");
    if (message.is_object()) add_chatgpt(message, chat);
  }
  const auto has_message = [](const Json& node) { return member(node, "message").is_object(); };
  const auto n_all = std::count_if(mapping.begin(), mapping.end(), has_message);
  const auto n_here =
      std::count_if(path.begin(), path.end(), [&](const Json* node) { return has_message(*node); });
  if (n_all > n_here) chat.left_out[kBranches] += static_cast<std::size_t>(n_all - n_here);
  return finish(std::move(chat));
}

Result<RecordChat> chat_of_claude(const Json& conversation) {
  const Json& messages = member(conversation, "chat_messages");
  if (!messages.is_array()) return bad("`chat_messages` is no list");
  std::vector<const Json*> path;
  // Newer exports name each message's parent; older ones are a plain list.
  const bool is_tree =
      !messages.empty() && !text_at(messages.back(), "parent_message_uuid").empty();
  if (is_tree) {
    std::map<std::string_view, const Json*> nodes;
    for (const auto& message : messages) nodes.emplace(text_at(message, "uuid"), &message);
    std::string_view leaf = text_at(conversation, "current_leaf_message_uuid");
    if (!nodes.contains(leaf)) leaf = text_at(messages.back(), "uuid");
    COE_TRY(path, path_to(
                      leaf,
                      [&](std::string_view id) -> const Json* {
                        const auto found = nodes.find(id);
                        return found == nodes.end() ? nullptr : found->second;
                      },
                      [](const Json& node) { return text_at(node, "parent_message_uuid"); }));
  } else {
    for (const auto& message : messages) path.push_back(&message);
  }
  RecordChat chat;
  for (const Json* message : path) {
    const std::string_view sender = text_at(*message, "sender");
    const std::string words = claude_words(*message, chat);
    if (sender == "human" || sender == "assistant")
      say(chat, sender == "human" ? "user" : "assistant", words);
    else
      ++chat.left_out[kOthers];
  }
  if (messages.size() > path.size()) chat.left_out[kBranches] += messages.size() - path.size();
  return finish(std::move(chat));
}

}  // namespace coe
