// Roles of the tokens of a chat: prompt, thinking, its closing window, answer. Each token has
// exactly one, so that the statistics of the roles add up to those of the whole. Source:
// docs/method.md, section 2.3.
#pragma once

#include "coe/engine/chat.h"
#include "coe/engine/engine.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

enum class Role : std::uint8_t {
  kPrompt,    // all that the model does not write: other turns, what opens its own, and an empty
              // thinking block or a lone end of one, by which templates switch thinking off
  kThinking,  // from the start marker to the end marker, both included, but for the closing window
  kClosing,   // the last tokens before the end marker of a thinking block; none without an end
  kAnswer,    // the rest of the model's turns, up to and including the token that ends one
};
inline constexpr std::array kRoles = {Role::kPrompt, Role::kThinking, Role::kClosing,
                                      Role::kAnswer};
// "prompt", …: a sub-domain `web` becomes `web/prompt`, …
std::string_view role_name(Role role);

struct Segments {
  std::vector<Role> roles;            // [n_token]
  std::uint32_t n_turn = 0;           // turns of the model
  std::uint32_t n_thinking = 0;       // thinking blocks that are not empty
  std::uint32_t n_thinking_open = 0;  // of them those that nothing ends
  std::uint32_t n_answer_empty = 0;   // turns with nothing but white space outside thinking
  // With SegmentOptions::first_generated: what the model wrote, without markers; parts of one kind
  // are joined by a newline.
  std::string thinking;
  std::string answer;

  std::size_t count(Role role) const;  // tokens of that role
};

struct SegmentOptions {
  std::uint32_t closing_window = 32;  // tokens
  // From this token on the model wrote the text itself, as one turn: all before it is prompt,
  // nothing after it is, not even an empty thinking block. Default: all of the text was given.
  std::size_t first_generated = static_cast<std::size_t>(-1);
};

// A token belongs to where its first byte stands. A turn of the model reaches from its opening to
// the token that ends it, to the next opening, or to the end of the text. The first end marker
// ends a block, whatever start markers stand inside; further end markers are answer. What opens a
// turn right where another of the model's breaks off (gpt-oss: from thinking to answer) is answer.
// Complexity: linear in the text, times the number of markers.
Segments segment_roles(std::span<const TokenText> tokens, const ChatMarkup& markup,
                       const SegmentOptions& options);

// Passes on what it is told of the tokens of one role, in runs of consecutive ones.
class RoleFilter : public RoutingObserver {
 public:
  // `roles`: of all tokens, by LayerRouting::first_token; must outlive it, as must `to`.
  RoleFilter(std::span<const Role> roles, Role role, RoutingObserver& to)
      : roles_(roles), role_(role), to_(to) {}
  void on_routing(const LayerRouting& routing) override;

 private:
  std::span<const Role> roles_;
  Role role_;
  RoutingObserver& to_;
};

}  // namespace coe
