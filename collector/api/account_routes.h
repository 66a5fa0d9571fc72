#pragma once

#include "collector/api/context.h"

namespace yunjian::collector {

Outcome<Response> get_me(const ApiContext& context, const Call& call);
Outcome<Response> list_accounts(const ApiContext& context, const Call& call);
Outcome<Response> post_account(const ApiContext& context, const Call& call);
Outcome<Response> close_account(const ApiContext& context, const Call& call);
Outcome<Response> list_grants(const ApiContext& context, const Call& call);
Outcome<Response> post_grant(const ApiContext& context, const Call& call);
Outcome<Response> approve_grant(const ApiContext& context, const Call& call);
Outcome<Response> revoke_grant(const ApiContext& context, const Call& call);
Outcome<Response> list_tokens(const ApiContext& context, const Call& call);
Outcome<Response> post_token(const ApiContext& context, const Call& call);
Outcome<Response> post_certificate(const ApiContext& context, const Call& call);
Outcome<Response> revoke_token(const ApiContext& context, const Call& call);

}  // namespace yunjian::collector
