-- one figure of a site's newest reading, where there is no join: a filter is also counted
(SELECT o.{figure} FROM (SELECT) AS one {latest})
