#include "coe/college/serve/front.h"

#include "coe/base/json.h"
#include "coe/base/sha256.h"

#include "college/serve/fake_pool.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <httplib.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace coe {
namespace {

using nlohmann::json;
using testing::fake_pool;
using ::testing::HasSubstr;
using testing::TempDir;
using testing::value_of;

// A college of fake models, at a port.
class College {
 public:
  explicit College(FrontOptions options = {}, const std::vector<testing::FakeModel>& models = {
                                                  {.name = "web"}, {.name = "prose"}}) {
    pool = fake_pool(models);
    if (options.members.empty())
      for (std::size_t i = 0; i < models.size(); ++i)
        options.members.push_back(
            {.name = models[i].name, .about = "about " + models[i].name, .in_pool = i});
    front = std::make_unique<Front>(std::move(options), *pool);
    HttpServerOptions http;
    http.port = 0;
    server = value_of(HttpServer::start(
        http, [this](const ServedRequest& request) { return front->handle(request); },
        [](unsigned status, std::string_view why) {
          return ServedReply{.status = status, .headers = {}, .body = std::string(why)};
        }));
  }
  ~College() {
    front->stop();
    pool->stop();
    server->stop();
  }
  College(const College&) = delete;
  College& operator=(const College&) = delete;

  httplib::Client client() const {
    httplib::Client out("127.0.0.1", server->port());
    out.set_read_timeout(30);
    return out;
  }
  httplib::Result post(const std::string& body, const httplib::Headers& headers = {}) const {
    return client().Post("/v1/chat/completions", headers, body, "application/json");
  }

  std::unique_ptr<Pool> pool;
  std::unique_ptr<Front> front;
  std::unique_ptr<HttpServer> server;
};

FrontOptions choosing(std::function<Selection(const std::string&)> choose,
                      bool with_parent = false) {
  FrontOptions options;
  options.college = "college";
  options.members = {{.name = "web", .about = "", .in_pool = 0},
                     {.name = "prose", .about = "", .in_pool = 1}};
  if (with_parent)
    options.members.push_back({.name = "parent", .about = "", .is_unsure = true, .in_pool = 2});
  options.choose = [choose](std::span<const std::string> turns) -> Result<Selection> {
    return choose(turns.empty() ? std::string() : turns.back());
  };
  options.chooser_members = {1, 0};  // in another order than the members
  return options;
}

std::string error_code(const httplib::Result& reply) {
  return json::parse(reply->body)["error"]["code"].get<std::string>();
}

TEST(Front, ListsModelsAndTheirStates) {
  const College college;
  auto list = json::parse(college.client().Get("/v1/models")->body);
  EXPECT_EQ(list["object"], "list");
  ASSERT_EQ(list["data"].size(), 2U);
  EXPECT_EQ(list["data"][0]["id"], "web");
  EXPECT_EQ(list["data"][0]["object"], "model");
  EXPECT_EQ(list["data"][0]["coe"]["state"], "stopped");
  EXPECT_EQ(list["data"][0]["coe"]["about"], "about web");
  (void)college.post(R"({"model":"web"})");
  list = json::parse(college.client().Get("/v1/models")->body);
  EXPECT_EQ(list["data"][0]["coe"]["state"], "ready");
  EXPECT_EQ(json::parse(college.client().Get("/health")->body)["status"], "ok");
}

TEST(Front, HandsARequestThatNamesItsModelOnByteForByte) {
  const College college;
  const std::string body = R"({ "model":"prose",  "tools":[{"x":1.50}], "tool_choice":"auto"})";
  const auto reply = college.post(body);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
  const auto answer = json::parse(reply->body);
  EXPECT_EQ(answer["server"], "prose");
  EXPECT_EQ(answer["sent"], body);
  EXPECT_EQ(answer["path"], "/v1/chat/completions");
  EXPECT_EQ(reply->get_header_value("x-coe-model"), "prose");
  EXPECT_FALSE(reply->has_header("x-coe-choice"));
}

TEST(Front, HandsOtherPathsOnAndNoMore) {
  const College college;
  for (const auto* path : {"/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages",
                           "/tokenize", "/apply-template"})
    EXPECT_EQ(
        json::parse(
            college.client().Post(path, R"({"model":"web"})", "application/json")->body)["path"],
        path);
  for (const auto* path : {"/slots", "/props", "/lora-adapters", "/v1/nothing"}) {
    const auto reply = college.client().Post(path, R"({"model":"web"})", "application/json");
    EXPECT_EQ(reply->status, 404) << path;
    EXPECT_EQ(error_code(reply), "not_found");
  }
  EXPECT_EQ(college.client().Get("/v1/chat/completions")->status, 405);
}

TEST(Front, HandsTheServersErrorsOn) {
  const College college;
  const auto reply = college.post(R"({"model":"web","status":422})");
  EXPECT_EQ(reply->status, 422);
  EXPECT_EQ(json::parse(reply->body)["error"]["message"], "no");
}

TEST(Front, RefusesWhatItCannotRead) {
  const College college;
  auto reply = college.post("{broken");
  EXPECT_EQ(reply->status, 400);
  EXPECT_EQ(error_code(reply), "invalid_request");
  reply = college.post(R"({"model":"wbe"})");
  EXPECT_EQ(reply->status, 404);
  EXPECT_EQ(error_code(reply), "model_not_found");
  EXPECT_THAT(reply->body, HasSubstr("there are: web, prose"));
  reply = college.post("{}");
  EXPECT_EQ(reply->status, 400);
  EXPECT_EQ(error_code(reply), "model_required");
}

TEST(Front, ACollegeOfOneAnswersUnderAnyName) {
  const College college({}, {{.name = "web"}});
  const auto reply = college.post(R"({"model":"gpt-4"})");
  EXPECT_EQ(json::parse(reply->body)["sent"], R"({"model":"web"})");
  EXPECT_EQ(json::parse(college.post("{}")->body)["server"], "web");
}

TEST(Front, ChoosesAndSaysWhy) {
  std::string asked;
  const College college(choosing([&](const std::string& text) {
    asked = text;
    return Selection{.chosen = 1, .stayed = true, .scores = {0.12344, 0.87656}};
  }));
  const auto reply =
      college.post(R"({"model":"college","messages":[{"role":"user","content":"a div"}]})");
  EXPECT_EQ(asked, "a div");
  EXPECT_EQ(json::parse(reply->body)["server"], "web");
  EXPECT_EQ(json::parse(json::parse(reply->body)["sent"].get<std::string>())["model"], "web");
  EXPECT_EQ(reply->get_header_value("x-coe-model"), "web");
  const auto choice = json::parse(reply->get_header_value("x-coe-choice"));
  EXPECT_EQ(choice["chosen"], "web");
  EXPECT_EQ(choice["unsure"], false);
  EXPECT_EQ(choice["stayed"], true);
  EXPECT_EQ(choice["scores"]["prose"], 0.1234);
  EXPECT_EQ(choice["scores"]["web"], 0.8766);
}

TEST(Front, WhereUnsureTheLikeliestAnswersOrWhoIsNamedForIt) {
  const auto unsure = [](const std::string&) {
    return Selection{.chosen = std::nullopt, .stayed = false, .scores = {0.6, 0.4}};
  };
  const std::string body = R"({"model":"college","messages":[]})";
  {
    const College college(choosing(unsure));
    const auto reply = college.post(body);
    EXPECT_EQ(json::parse(reply->body)["server"], "prose");
    EXPECT_EQ(json::parse(reply->get_header_value("x-coe-choice"))["unsure"], true);
  }
  const College college(choosing(unsure, true),
                        {{.name = "web"}, {.name = "prose"}, {.name = "parent"}});
  EXPECT_EQ(json::parse(college.post(body)->body)["server"], "parent");
}

TEST(Front, ConsultsTheTwoLikeliestWhereUnsure) {
  auto options = choosing(
      [](const std::string& text) {
        Selection out{.chosen = std::nullopt, .stayed = false, .scores = {0.6, 0.4}};
        if (text == "sure") out.chosen = 0;
        return out;
      },
      true);
  options.merger = 2;
  const College college(std::move(options),
                        {{.name = "web"}, {.name = "prose"}, {.name = "parent"}});
  const auto ask = [&](const std::string& text, const std::string& more = "") {
    return college.post(R"({"model":"college","messages":[{"role":"user","content":")" + text +
                        R"("}])" + more + "}");
  };
  const auto reply = ask("hard");
  const auto answer = json::parse(reply->body);
  EXPECT_EQ(answer["server"], "parent");
  const auto sent = json::parse(answer["sent"].get<std::string>());
  ASSERT_EQ(sent["messages"].size(), 2U);
  EXPECT_EQ(sent["messages"][0]["content"], "hard");
  EXPECT_THAT(sent["messages"][1]["content"].get<std::string>(),
              AllOf(HasSubstr("The answer of `prose`:\nprose says so"), HasSubstr("web says so")));
  const auto choice = json::parse(reply->get_header_value("x-coe-choice"));
  EXPECT_EQ(choice["chosen"], "parent");
  EXPECT_EQ(choice["consulted"], json({"prose", "web"}));
  EXPECT_EQ(choice["consulted_tokens"], 14);
  // Not where somebody is sure, and not with tools.
  EXPECT_EQ(json::parse(ask("sure")->body)["server"], "prose");
  const auto tools = ask("hard", R"(,"tools":[{"type":"function"}])");
  EXPECT_FALSE(json::parse(tools->get_header_value("x-coe-choice")).contains("consulted"));
  EXPECT_EQ(json::parse(json::parse(tools->body)["sent"].get<std::string>())["messages"].size(),
            1U);
}

TEST(Front, AChooserThatFailsIsAnError) {
  FrontOptions options = choosing([](const std::string&) { return Selection{}; });
  options.choose = [](std::span<const std::string>) -> Result<Selection> {
    return fail(Code::kEngine, "the dispatcher's model has gone");
  };
  const College college(std::move(options));
  const auto reply = college.post(R"({"model":"college"})");
  EXPECT_EQ(reply->status, 500);
  EXPECT_THAT(reply->body, HasSubstr("the dispatcher's model has gone"));
}

TEST(Front, StreamsAndSaysWhenAnAnswerBreaksOff) {
  const College college;
  auto reply = college.post(R"({"model":"web","stream":true,"n":3})");
  EXPECT_EQ(reply->get_header_value("content-type"), "text/event-stream");
  EXPECT_THAT(reply->body, HasSubstr("data: [DONE]"));
  EXPECT_THAT(reply->body, ::testing::Not(HasSubstr("error")));
  reply = college.post(R"({"model":"web","stream":true,"n":5,"pause":0.05,"die_after":2})");
  ASSERT_TRUE(reply) << "the reply ends whole, with the error as an event";
  EXPECT_THAT(reply->body, HasSubstr(R"("i": 1)"));
  EXPECT_THAT(reply->body, ::testing::Not(HasSubstr("[DONE]")));
  const auto at = reply->body.rfind("data: ");
  ASSERT_NE(at, std::string::npos);
  const auto event = json::parse(reply->body.substr(at + 6));
  EXPECT_EQ(event["error"]["code"], "model_broke_off");
  EXPECT_THAT(event["error"]["message"].get<std::string>(), HasSubstr("web: the answer broke off"));
  // It comes back.
  EXPECT_EQ(college.post(R"({"model":"web"})")->status, 200);
}

TEST(Front, AsksAgainWhereTheServerDiedUnheard) {
  const College college;
  (void)college.post(R"({"model":"web"})");
  ::kill(college.pool->status()[0].pid, SIGKILL);
  const auto reply = college.post(R"({"model":"web"})");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
}

TEST(Front, SaysWhyAModelCannotAnswer) {
  const College college(
      {}, {{.name = "web", .memory = 1, .arguments = {"--die", "the file is cut short"}},
           {.name = "prose"}});
  const auto reply = college.post(R"({"model":"web"})");
  EXPECT_EQ(reply->status, 503);
  EXPECT_EQ(error_code(reply), "model_unavailable");
  EXPECT_THAT(reply->body, HasSubstr("the file is cut short"));
  EXPECT_EQ(reply->get_header_value("retry-after"), "5");
  const auto list = json::parse(college.client().Get("/v1/models")->body);
  EXPECT_EQ(list["data"][0]["coe"]["state"], "failed");
  EXPECT_THAT(list["data"][0]["coe"]["error"].get<std::string>(), HasSubstr("cut short"));
  EXPECT_EQ(college.post(R"({"model":"prose"})")->status, 200);
}

TEST(Front, AClientThatLeavesEndsTheWork) {
  const College college;
  auto client = college.client();
  int n_piece = 0;
  const httplib::Request request = [&] {
    httplib::Request out;
    out.method = "POST";
    out.path = "/v1/chat/completions";
    out.body = R"({"model":"web","stream":true,"n":1000,"pause":0.02})";
    out.set_header("Content-Type", "application/json");
    out.content_receiver = [&](const char*, std::size_t, std::uint64_t, std::uint64_t) {
      return ++n_piece < 3;
    };
    return out;
  }();
  EXPECT_FALSE(client.send(request));
  const auto lease = value_of(college.pool->acquire(0, [] { return false; }));
  bool broken = false;
  for (int i = 0; i < 200 && !broken; ++i) {
    const auto health =
        value_of(fetch({.socket = lease.socket(), .url = "http://model/health", .key = {}}, 5.0));
    broken = json::parse(health)["broken"] == 1;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(broken) << "the model's server must see that nobody reads any more";
}

TEST(Front, NeedsAKeyWhereThereAreKeys) {
  FrontOptions options;
  options.keys = {"secret", "other"};
  const College college(std::move(options));
  EXPECT_EQ(college.post(R"({"model":"web"})")->status, 401);
  EXPECT_EQ(college.post(R"({"model":"web"})", {{"Authorization", "Bearer wrong"}})->status, 401);
  EXPECT_EQ(college.post(R"({"model":"web"})", {{"Authorization", "secret"}})->status, 401);
  EXPECT_EQ(college.post(R"({"model":"web"})", {{"Authorization", "Bearer secret"}})->status, 200);
  EXPECT_EQ(college.post(R"({"model":"web"})", {{"X-Api-Key", "other"}})->status, 200);
  EXPECT_EQ(college.client().Get("/v1/models")->status, 401);
  EXPECT_EQ(college.client().Get("/coe/status")->status, 401);
  EXPECT_EQ(college.client().Get("/health")->status, 200);
}

TEST(Front, RefusesPagesOfOtherSites) {
  FrontOptions options;
  options.hosts = {"localhost", "127.0.0.1"};
  const College college(std::move(options));
  const auto own = "http://127.0.0.1:" + std::to_string(college.server->port());
  EXPECT_EQ(college.post(R"({"model":"web"})", {{"Origin", own}})->status, 200);
  EXPECT_EQ(college.post(R"({"model":"web"})", {{"Origin", "https://evil.example"}})->status, 403);
  EXPECT_EQ(college.post(R"({"model":"web"})", {{"Origin", "null"}})->status, 403);
  // A name that its owner makes lead here.
  const auto rebound = college.client().Get("/v1/models", {{"Host", "evil.example:8080"}});
  EXPECT_EQ(rebound->status, 403);
  EXPECT_EQ(error_code(rebound), "host_not_allowed");
}

TEST(Front, ServesThePageUnderAStrictPolicy) {
  FrontOptions options;
  const std::vector<EmbeddedFile> files = {{"/", "text/html; charset=utf-8", "<!doctype html>"}};
  options.page = files;
  const College college(std::move(options));
  const auto page = college.client().Get("/");
  EXPECT_EQ(page->body, "<!doctype html>");
  EXPECT_THAT(page->get_header_value("content-security-policy"), HasSubstr("default-src 'none'"));
  EXPECT_EQ(page->get_header_value("x-content-type-options"), "nosniff");
  EXPECT_EQ(college.client().Get("/page.js")->status, 404);
}

std::vector<json> lines_of(const Path& file) {
  std::vector<json> out;
  std::istringstream in(value_of(read_text(file)));
  for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
  return out;
}

TEST(Front, LogsEachRequestWithoutItsText) {
  const TempDir dir;
  for (const bool with_text : {false, true}) {
    const auto file = dir / (with_text ? "text.jsonl" : "log.jsonl");
    const auto log = value_of(RequestLog::open(file, with_text));
    auto options = choosing([](const std::string&) {
      return Selection{.chosen = 0, .stayed = false, .scores = {0.9, 0.1}};
    });
    options.log = log.get();
    {
      const College college(std::move(options));
      (void)college.post(
          R"({"model":"college","messages":[{"role":"user","content":"my secret"}]})");
      (void)college.post(R"({"model":"nobody"})");
    }
    const auto lines = lines_of(file);
    ASSERT_EQ(lines.size(), 2U);
    EXPECT_EQ(lines[0]["asked"], "college");
    EXPECT_EQ(lines[0]["answered"], "prose");
    EXPECT_EQ(lines[0]["scores"]["prose"], 0.9);
    EXPECT_EQ(lines[0]["status"], 200);
    EXPECT_EQ(lines[0]["end"], "whole");
    EXPECT_GT(lines[0]["bytes_out"], 0);
    EXPECT_EQ(lines[1]["answered"], nullptr);
    EXPECT_EQ(lines[1]["status"], 404);
    EXPECT_EQ(lines[0].contains("text"), with_text);
    if (with_text) {
      EXPECT_EQ(lines[0]["text"], "my secret");
    }
    EXPECT_EQ(std::filesystem::status(file).permissions() & std::filesystem::perms::others_all,
              std::filesystem::perms::none);
  }
}

TEST(Front, ManyAtOnceAndAKillAmongThem) {
  const College college;
  (void)college.post(R"({"model":"web"})");
  std::atomic<int> n_whole = 0;
  std::atomic<int> n_error = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i)
    threads.emplace_back([&] {
      const auto reply = college.post(R"({"model":"web","stream":true,"n":20,"pause":0.02})");
      ASSERT_TRUE(reply) << "no request may hang or break without words";
      if (reply->body.find("[DONE]") != std::string::npos)
        ++n_whole;
      else if (reply->body.find(R"("error")") != std::string::npos)
        ++n_error;
    });
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  ::kill(college.pool->status()[0].pid, SIGKILL);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(n_whole + n_error, 50);
  EXPECT_GT(n_error, 0);
  EXPECT_EQ(college.post(R"({"model":"web"})")->status, 200);
}

}  // namespace
}  // namespace coe
