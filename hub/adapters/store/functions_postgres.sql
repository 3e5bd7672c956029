-- What is planned once in a session. A plan that was made while a table was tiny would read it from end to end
-- for as long as the session lasts, so indexes are used whatever the planner thinks; without `jit = off` the
-- price that it puts on the rest would have each statement compiled.
--
-- `hub_append` is one append: everything of `ports.Alongside`, in its order, in one statement and so in one
-- transaction.
--
-- The lock comes first and every guard is a statement of its own after it: under READ COMMITTED each then sees
-- what was committed before the lock was given. A guard in the locking statement would see the world from
-- before it, and open after a withdrawal. Refusals are raised, so that nothing of the command stays.
--
-- What is looked up stands in a LATERAL with a LIMIT, so that it is found by its index one by one.
--
-- {lock} is this store's own number, so that stores in one database do not wait for each other.

CREATE OR REPLACE FUNCTION hub_lock() RETURNS void LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock({lock});
$$;

-- One with other parameters would stand beside the new one, and answer a hub that should not be running.
DO $$
DECLARE
    former regprocedure;
BEGIN
    FOR former IN SELECT oid FROM pg_proc
        WHERE proname IN ('hub_append', 'hub_latest', 'hub_living_wraps') AND pronamespace = current_schema()::regnamespace
    LOOP
        EXECUTE format('DROP FUNCTION %s', former);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION hub_append(
    p_now timestamptz,
    p_key bytea, p_body_mac bytea, p_ids text,
    p_ends uuid[],
    p_groups integer, p_group_grants uuid[], p_group_numbers integer[],
    p_needs_keys uuid[], p_needs_partners text[],
    p_block_cases uuid[], p_block_person text,
    p_key_ids uuid[], p_key_epochs integer[], p_key_wrapped bytea[],
    p_grant_ids uuid[], p_grant_recipients text[], p_grant_ends timestamptz[],
    p_grant_epochs integer[], p_grant_wrapped bytea[],
    p_streams uuid[], p_versions bigint[], p_topics text[], p_states bytea[],
    p_message_ids uuid[], p_recipients text[], p_sealed bytea[], p_controls boolean[],
    p_wrap_messages uuid[], p_wrap_grants uuid[], p_wraps bytea[],
    p_blinds bytea[], p_blind_cases uuid[],
    p_dues timestamptz[], p_due_cases uuid[],
    p_slug text, p_kind text, p_active boolean, p_sealing_key bytea, p_signing_key bytea,
    p_blocks uuid[], p_blocked text[], p_unblocks uuid[], p_unblocked text[],
    p_gone bytea[], p_gone_cases uuid[],
    OUT status text, OUT detail text, OUT numbers bigint[]
) LANGUAGE plpgsql VOLATILE
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
DECLARE
    done record;
    refused text;
    alive bigint;
    last_number bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'TV000', MESSAGE = 'guards need READ COMMITTED';
    END IF;
    PERFORM pg_advisory_xact_lock({lock});

    IF p_key IS NOT NULL THEN
        SELECT i.body_mac, i.position, i.ids INTO done FROM idempotency i WHERE i.key = p_key;
        IF FOUND THEN
            status := CASE WHEN done.body_mac = p_body_mac THEN 'done' ELSE 'other_body' END;
            detail := done.ids;
            numbers := ARRAY[done.position];
            RETURN;
        END IF;
    END IF;

    IF p_ends IS NOT NULL THEN
        UPDATE grants g SET state = 'ended', wrapped = NULL WHERE g.grant_id = ANY (p_ends);
    END IF;

    IF p_groups > 0 THEN
        SELECT count(DISTINCT n.number) INTO alive
        FROM unnest(p_group_grants, p_group_numbers) AS n (grant_id, number), LATERAL (
            SELECT FROM grants g WHERE g.grant_id = n.grant_id
                AND g.state = 'living' AND (g.ends_at IS NULL OR g.ends_at > p_now) LIMIT 1) AS living;
        IF alive <> p_groups THEN
            RAISE EXCEPTION USING ERRCODE = 'TV001', MESSAGE = 'a grant does not live';
        END IF;
    END IF;
    IF p_needs_keys IS NOT NULL THEN
        SELECT coalesce(k.state, 'unknown') || ' ' || n.key_id INTO refused
        FROM unnest(p_needs_keys) AS n (key_id)
        LEFT JOIN LATERAL (SELECT state FROM keys WHERE key_id = n.key_id LIMIT 1) AS k ON true
        WHERE k.state IS DISTINCT FROM 'active' LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'TV002', MESSAGE = refused;
        END IF;
    END IF;
    IF p_needs_partners IS NOT NULL THEN
        SELECT n.slug INTO refused
        FROM unnest(p_needs_partners) AS n (slug) LEFT JOIN partners p ON p.slug = n.slug AND p.active
        WHERE p.slug IS NULL LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'TV003', MESSAGE = refused;
        END IF;
    END IF;
    IF p_block_cases IS NOT NULL THEN
        PERFORM 1 FROM block_list b WHERE b.person = p_block_person AND b.case_id = ANY (p_block_cases);
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'TV004', MESSAGE = 'blocked';
        END IF;
    END IF;

    IF p_key_ids IS NOT NULL THEN
        PERFORM 1 FROM keys k WHERE k.key_id = ANY (p_key_ids) AND k.state = 'destroyed';
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'TV002', MESSAGE = 'destroyed';
        END IF;
        INSERT INTO keys (key_id, state, epoch, wrapped)
        SELECT n.key_id, 'active', n.epoch, n.wrapped
        FROM unnest(p_key_ids, p_key_epochs, p_key_wrapped) AS n (key_id, epoch, wrapped);
    END IF;
    IF p_grant_ids IS NOT NULL THEN
        INSERT INTO grants (grant_id, recipient, state, ends_at, epoch, wrapped)
        SELECT n.grant_id, n.recipient, 'living', n.ends_at, n.epoch, n.wrapped
        FROM unnest(p_grant_ids, p_grant_recipients, p_grant_ends, p_grant_epochs, p_grant_wrapped)
            AS n (grant_id, recipient, ends_at, epoch, wrapped);
    END IF;

    IF p_streams IS NOT NULL THEN
        WITH inserted AS (
            INSERT INTO stored_events (originator_id, originator_version, topic, state)
            SELECT * FROM unnest(p_streams, p_versions, p_topics, p_states)
            RETURNING notification_id
        )
        SELECT array_agg(notification_id), max(notification_id) INTO numbers, last_number FROM inserted;
    ELSE
        SELECT coalesce(max(notification_id), 0) INTO last_number FROM stored_events;
    END IF;

    IF p_message_ids IS NOT NULL THEN
        INSERT INTO messages (recipient, epoch, sequence, message_id, position, sealed, control)
        SELECT g.recipient, s.epoch,
            coalesce((SELECT m.sequence FROM messages m WHERE m.recipient = g.recipient AND m.epoch = s.epoch
                ORDER BY m.sequence DESC LIMIT 1), 0)
                + row_number() OVER (PARTITION BY g.recipient ORDER BY g.place),
            g.message_id, last_number, g.sealed, g.control
        FROM store s, unnest(p_message_ids, p_recipients, p_sealed, p_controls)
            WITH ORDINALITY AS g (message_id, recipient, sealed, control, place)
        ORDER BY g.place;
    END IF;
    IF p_wrap_messages IS NOT NULL THEN
        INSERT INTO message_wraps (message_id, grant_id, wraps)
        SELECT * FROM unnest(p_wrap_messages, p_wrap_grants, p_wraps)
        ON CONFLICT (message_id, grant_id) DO UPDATE SET wraps = excluded.wraps;
        IF '' = ANY (p_wraps) THEN
            DELETE FROM message_wraps w
            USING unnest(p_wrap_messages, p_wrap_grants, p_wraps) AS n (message_id, grant_id, wraps)
            WHERE n.wraps = '' AND w.message_id = n.message_id AND w.grant_id = n.grant_id;
        END IF;
    END IF;

    IF p_gone IS NOT NULL THEN
        DELETE FROM blind_index b USING unnest(p_gone, p_gone_cases) AS n (blind, case_id)
        WHERE b.blind = n.blind AND b.case_id = n.case_id;
    END IF;
    IF p_blinds IS NOT NULL THEN
        INSERT INTO blind_index (blind, case_id)
        SELECT * FROM unnest(p_blinds, p_blind_cases) ON CONFLICT DO NOTHING;
    END IF;
    IF p_dues IS NOT NULL THEN
        INSERT INTO timers (due, case_id) SELECT * FROM unnest(p_dues, p_due_cases) ON CONFLICT DO NOTHING;
    END IF;
    IF p_slug IS NOT NULL THEN
        INSERT INTO partners AS p VALUES (p_slug, p_kind, p_active, p_sealing_key, p_signing_key)
        ON CONFLICT (slug) DO UPDATE SET kind = excluded.kind, active = excluded.active,
            sealing_key = excluded.sealing_key, signing_key = excluded.signing_key;
    END IF;
    IF p_blocks IS NOT NULL THEN
        INSERT INTO block_list (case_id, person)
        SELECT * FROM unnest(p_blocks, p_blocked) ON CONFLICT DO NOTHING;
    END IF;
    IF p_unblocks IS NOT NULL THEN
        DELETE FROM block_list b USING unnest(p_unblocks, p_unblocked) AS n (case_id, person)
        WHERE b.case_id = n.case_id AND b.person = n.person;
    END IF;
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency (key, body_mac, position, ids)
        VALUES (p_key, p_body_mac, last_number, p_ids);
    END IF;

    status := 'ok';
END $$;

-- What a command reads before it: of each stream the rows from a version on, the keys of living grants, and the
-- entries of the block list against some logins. A function, so that it is planned once: otherwise each call is
-- planned for its own arrays, which takes longer than reading.
CREATE OR REPLACE FUNCTION hub_latest(p_streams uuid[], p_versions bigint[], p_grants uuid[], p_logins text[])
    RETURNS TABLE (kind "char", id uuid, number bigint, name text, sealed bytea)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT 'e'::"char", e.*
    FROM unnest(p_streams, p_versions) AS n (stream, version), LATERAL (
        SELECT s.originator_id, s.originator_version, s.topic, s.state FROM stored_events s
        WHERE s.originator_id = n.stream AND s.originator_version >= n.version
        ORDER BY s.originator_version) AS e
    UNION ALL
    SELECT 'g'::"char", g.grant_id, g.epoch, NULL, g.wrapped FROM grants g
    WHERE g.grant_id = ANY (p_grants) AND g.state = 'living'
    UNION ALL
    SELECT 'b'::"char", b.case_id, NULL, b.person, NULL FROM block_list b WHERE b.person = ANY (p_logins);
END $$;

-- What opens these messages of this recipient now, in their order. Begun from the messages that are asked for:
-- begun from a recipient's grants it takes the longer the more there are.
CREATE OR REPLACE FUNCTION hub_living_wraps(p_messages uuid[], p_recipient text, p_now timestamptz)
    RETURNS TABLE (message_id uuid, grant_id uuid, wraps bytea, epoch integer, wrapped bytea)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT n.message_id, w.grant_id, w.wraps, g.epoch, g.wrapped
    FROM unnest(p_messages) AS n (message_id), LATERAL (
        SELECT m.number FROM messages m
        WHERE m.message_id = n.message_id AND m.recipient = p_recipient LIMIT 1) AS m, LATERAL (
        SELECT w.grant_id, w.wraps FROM message_wraps w WHERE w.message_id = n.message_id OFFSET 0) AS w, LATERAL (
        SELECT g.epoch, g.wrapped FROM grants g
        WHERE g.grant_id = w.grant_id AND g.recipient = p_recipient AND g.state = 'living'
            AND (g.ends_at IS NULL OR g.ends_at > p_now) LIMIT 1) AS g
    WHERE (SELECT p.active FROM partners p WHERE p.slug = p_recipient)
    ORDER BY m.number;
END $$;
