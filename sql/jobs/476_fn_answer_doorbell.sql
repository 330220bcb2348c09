-- cogo_api.answer_doorbell: a consumer that was rung shows the ticket it got and becomes one of the bell's executors; returns
-- {executor_id, kind, project_id, epoch} as register_executor. info: as there, with types (what it can do) and instance.
-- A ticket is good once, for a minute. No free seat: {executor_id: null}, and the ring counts as answered.
-- Errors: CG002 not the server; CG001 the ticket is unknown, used or old.
create function cogo_api.answer_doorbell(ticket text, info jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  bell cogo.doorbells;
  seat text;
begin
  perform cogo.require_service();
  update cogo.doorbells d
     set ticket_hash = null, answered_at = clock_timestamp(),
         types = case when jsonb_typeof(info -> 'types') = 'array' then array(select jsonb_array_elements_text(info -> 'types')) end
   where d.ticket_hash = sha256(convert_to(ticket, 'UTF8')) and d.rung_at > clock_timestamp() - interval '1 minute'
  returning d.* into bell;
  if not found then
    perform cogo.fail('CG001', 'the ticket of this ring is unknown, used or old', null, 'Only the doorbell wakes a consumer');
  end if;
  seat := cogo.free_seat(bell.executor, bell.seats);
  if seat is null then
    return jsonb_build_object('executor_id', null, 'kind', bell.executor);
  end if;
  return cogo_api.register_executor(seat, info || jsonb_build_object('kind', bell.executor));
end
$$;
revoke all on function cogo_api.answer_doorbell(text, jsonb) from public;
grant execute on function cogo_api.answer_doorbell(text, jsonb) to service_role;
