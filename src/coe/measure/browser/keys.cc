#include "coe/measure/browser/keys.h"

#include "coe/base/json.h"
#include "coe/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using Json = nlohmann::json;

struct Key {
  const char* name;  // as DevTools has it, and its code
  int number;
  const char* text;
};

constexpr std::array kKeys = {
    Key{"Enter", 13, "\r"},   Key{"Tab", 9, ""},      Key{"Escape", 27, ""},
    Key{"Backspace", 8, ""},  Key{"Delete", 46, ""},  Key{"Home", 36, ""},
    Key{"End", 35, ""},       Key{"PageUp", 33, ""},  Key{"PageDown", 34, ""},
    Key{"ArrowLeft", 37, ""}, Key{"ArrowUp", 38, ""}, Key{"ArrowRight", 39, ""},
    Key{"ArrowDown", 40, ""},
};

// The commands that an editing key gives, which DevTools does not derive from the key.
Json commands_of(const std::string& name, int modifiers) {
  if (modifiers != 2) return Json::array();
  if (name == "a") return {"selectAll"};
  if (name == "z") return {"undo"};
  if (name == "y") return {"redo"};
  return Json::array();
}

Json named_key(const Key& key, int modifiers) {
  Json out = {{"key", key.name},
              {"code", key.name},
              {"windowsVirtualKeyCode", key.number},
              {"modifiers", modifiers}};
  if (*key.text != '\0') out["text"] = key.text;
  return out;
}

// A character's key. Those that no key gives directly carry their text alone.
Json character_key(const std::string& character, int modifiers) {
  Json out = {{"key", character}, {"modifiers", modifiers}};
  const auto c = static_cast<unsigned char>(character.front());
  if (character.size() == 1 && std::isalnum(c) != 0) {
    const char upper = static_cast<char>(std::toupper(c));
    out["windowsVirtualKeyCode"] = static_cast<int>(upper);
    out["code"] = fmt::format("{}{}", std::isdigit(c) != 0 ? "Digit" : "Key", upper);
  } else if (character == " ") {
    out["windowsVirtualKeyCode"] = 32;
    out["code"] = "Space";
  }
  if ((modifiers & ~8) == 0) out["text"] = character;
  return out;
}

}  // namespace

std::vector<std::string> characters_of(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80U && !out.empty())
      out.back() += c;
    else
      out.emplace_back(1, c);
  }
  return out;
}

Result<KeyEvents> key_events(const std::string& key) {
  std::string name = key;
  int modifiers = 0;
  constexpr std::array<std::pair<std::string_view, int>, 4> kModifiers = {
      {{"Alt+", 1}, {"Control+", 2}, {"Meta+", 4}, {"Shift+", 8}}};
  for (bool again = true; again;) {
    again = false;
    for (const auto& [prefix, bit] : kModifiers) {
      if (!name.starts_with(prefix) || name.size() == prefix.size()) continue;
      modifiers |= bit;
      name.erase(0, prefix.size());
      again = true;
    }
  }
  if (name == "Space") name = " ";
  Json event;
  const auto found = std::ranges::find_if(kKeys, [&](const auto& k) { return name == k.name; });
  if (found != kKeys.end())
    event = named_key(*found, modifiers);
  else if (characters_of(name).size() == 1)
    event = character_key(name, modifiers);
  else
    return fail(Code::kInvalidArgument, fmt::format("`{}` is no key", key));
  auto down = event;
  if (auto commands = commands_of(name, modifiers); !commands.empty())
    down["commands"] = std::move(commands);
  event.erase("text");
  return KeyEvents{std::move(down), std::move(event)};
}

}  // namespace coe
